"""A training that holds still in the middle of an epoch until a signal reaches it, and tells who is to be signalled."""

import ctypes
import os
import select
import signal
import socket
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback


class HoldAt(Callback):
    """Before batch `at[n]` of the nth start the last rank writes its process id into a pipe and waits for a signal.

    Args:
        at: updates that are done by then; starts beyond these hold nowhere.
        pipe: a FIFO, read by the test.
    """

    def __init__(self, at: list[int], pipe: str) -> None:
        start = int(os.environ.get("SLURM_RESTART_COUNT", "0"))
        self._at = at[start] if start < len(at) else None
        self._pipe = Path(pipe)

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step != self._at or trainer.global_rank != trainer.world_size - 1:
            return
        self._at = None
        signalled, wake = socket.socketpair()
        wake.setblocking(False)
        before = signal.set_wakeup_fd(wake.fileno())  # also for a signal that comes before we wait
        self._pipe.write_text(f"{os.getpid()}\n")
        signalled.recv(1)
        signal.set_wakeup_fd(before)


class Pipe:
    """The test's end."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self._file = os.open(path, os.O_RDWR)  # never at its end, though nobody may be writing

    def read(self, seconds: float = 150) -> int:
        """Return the process id that was told.

        Raises:
            TimeoutError: nobody told any.
        """
        if not select.select([self._file], [], [], seconds)[0]:
            raise TimeoutError(f"{self.path}: nobody holds still")
        return int(os.read(self._file, 100))


class BlockAt(Callback):
    """In the last batch of update `at` the first rank computes and never ends, as in one operation of torch's.

    No signal interrupts it. It says so on stdout.

    Args:
        at: updates that are done by then.
        place: batches of the update that are done by then.
    """

    def __init__(self, at: int, place: int = 0) -> None:
        self._at, self._place = at, place

    def on_before_backward(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == self._at and trainer.global_rank == 0:
            self._place -= 1
            if self._place < 0:
                print("blocked", flush=True)
                mutex = ctypes.create_string_buffer(64)
                for _ in range(2):  # whoever has it waits for it
                    ctypes.CDLL(None).pthread_mutex_lock(mutex)
