"""SIGTERM in the middle of a long update: what was before the update is saved, and the process ends in time."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from multiprocessing.connection import wait

from rich import print as rich_print

from past.base.errors import PastError

AGAIN = 1.0  # seconds; a launcher and a terminal may both pass a signal on, and that is one signal
STOP = 0  # a byte that is no signal's number


class Leaving:
    """Hears signals while the training computes, in a thread: torch lets Python run only when an operation is over.

    The training itself acts at the end of an update. This ends the process, with 128 plus SIGTERM's number, where that
    takes longer than `grace` after SIGTERM, and at once at a second SIGTERM.

    Args:
        grace: seconds.
        heard: signals whose coming is told on the screen.
        prospect: says what is to be expected of the update in hand.
    """

    def __init__(self, grace: float, heard: Collection[int], prospect: Callable[[int], str]) -> None:
        self._grace, self._heard, self._prospect = grace, heard, prospect
        self._lock = threading.Lock()
        self._save: Callable[[], object] | None = None
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def can_leave(self) -> bool:
        """Whether the update in hand can be left out."""
        return self._save is not None

    def may_leave(self, save: Callable[[], object]) -> None:
        """Say that nothing is changed from here on, until `must_stay`; `save` writes what is not yet on the disk."""
        self._save = save

    def must_stay(self) -> None:
        """Say that weights are about to change; waits for ever where the process is being ended."""
        with self._lock:
            self._save = None

    def stop(self) -> None:
        """Hear nothing any more; signals go where they went before."""
        if self._thread.is_alive():
            signal.set_wakeup_fd(self._before)
            os.write(self._write, bytes([STOP]))
            self._thread.join()
            os.close(self._write)
            os.close(self._read)

    def _listen(self) -> None:
        first = deadline = None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not wait([self._read], left):
                self._leave(at_once=False)
                deadline = None
                continue
            for number in os.read(self._read, 64):
                if number == STOP:
                    return
                if number != signal.SIGTERM or first is None:
                    self._tell(number)
                if number != signal.SIGTERM:
                    continue
                if first is None:
                    first = time.monotonic()
                    deadline = first + self._grace
                elif time.monotonic() - first > AGAIN:
                    self._leave(at_once=True)

    def _tell(self, number: int) -> None:
        if number in self._heard:
            rich_print(f"\n[bold]{signal.Signals(number).name}: {self._prospect(number)}[/bold]")

    def _leave(self, at_once: bool) -> None:
        """End the process where it can be left; `at_once`: in any case."""
        with self._lock:
            try:
                if self._save is not None:
                    self._save()
                    rich_print("\n[bold]SIGTERM: the update in hand is left out; what was before it is saved[/bold]")
                elif not at_once:
                    return
            except (PastError, OSError, RuntimeError) as error:
                print(f"error: {error}", file=sys.stderr)
            sys.stdout.flush()
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(128 + signal.SIGTERM)
