"""How a batch gets from a worker to the process that trains: in one buffer of shared memory, used again and again.

torch would send each tensor by itself, in new memory each time, and the system takes longer to hand out new pages than
we take to fill them: its way takes 1.10 times as long (224 px crops, batches of 256, two workers on two cores, best of
8 epochs in turn). Here a worker lays all tensors of a batch into one buffer, and the reader sees them there. The
buffer is free for another batch once the last view of any of its tensors is gone: code that keeps a batch for long
should keep a copy.
"""

import os
import pickle
import weakref
from multiprocessing import RawArray
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar, cast
from uuid import uuid4

import torch

from past.base.errors import DataError
from past.base.types import Movable

ALIGNED = 64  # bytes: a tensor begins at a multiple of it
SLOTS = 64  # buffers of a worker that are used again; a batch that finds none free gets a new one, once
Batch = TypeVar("Batch", bound=Movable)


class SharedBuffers:
    """The shared memory of a loader's workers; made by the process that reads, before it starts them.

    A worker makes a buffer when it finds none that is free and large enough.

    Args:
        workers: how many there are.
    """

    def __init__(self, workers: int) -> None:
        self._name, self._owner = uuid4().hex, os.getpid()
        self._in_use = RawArray("b", workers * SLOTS)  # no tensor: a finaliser writes it, under any mode of torch
        self._known: dict[int, torch.Tensor] = {}  # by slot: a worker knows its own buffers, the reader all
        _open[self._name] = self

    def pack(self, batch: Batch, worker: int) -> Batch:
        """Copy a batch into a buffer of this worker's.

        Returns:
            What pickles as one buffer and arrives as the batch, where these SharedBuffers were made.

        Raises:
            DataError: there is no shared memory left, or no way to send it.
        """
        outline = batch.map(lambda tensor: torch.empty_like(tensor, device="meta"))
        size = sum(map(_space, _tensors(outline)))
        own = range(worker * SLOTS, (worker + 1) * SLOTS)
        slot = next((slot for slot in own if not self._in_use[slot]), None)
        buffer, new = None if slot is None else self._known.get(slot), None
        try:
            if buffer is None or len(buffer) < size:
                buffer = new = torch.empty(size, dtype=torch.uint8).share_memory_()
            packed = _Packed(self._name, slot, new, outline)
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"a batch of {size / 1e6:,.1f} MB cannot be handed over ({' '.join(str(error).split())[:200]}): is "
                "shared memory full (docker run --shm-size=…), TMPDIR a long path, or ulimit -n too low?"
            ) from error
        if slot is not None:
            self._known[slot], self._in_use[slot] = buffer, True
        for place, tensor in zip(_tensors(_laid(outline, buffer)), _tensors(batch), strict=True):
            place.copy_(tensor)
        return cast(Batch, packed)

    def lend(self, slot: int, new: torch.Tensor | None) -> torch.Tensor:
        """Return the buffer of a slot as a tensor; the slot is free again when nothing shares that tensor's memory.

        Args:
            slot: which.
            new: its buffer, where the worker made another one; None: as before.
        """
        if new is not None:
            self._known[slot] = new
        lent = self._known[slot].numpy()  # another array each time, which its tensors keep alive
        weakref.finalize(lent, self._give_back, slot).atexit = False
        return torch.from_numpy(lent)

    def _give_back(self, slot: int) -> None:
        if os.getpid() == self._owner:  # a process that was forked from it has copies of what it holds
            self._in_use[slot] = False


class _Packed:
    """Pickles as the arguments of `_unpack`, pickled here and now: an error in a queue's own thread would be lost."""

    def __init__(self, *parts: Any) -> None:
        self._pickled = bytes(ForkingPickler.dumps(parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (self._pickled,)


_open: weakref.WeakValueDictionary[str, SharedBuffers] = weakref.WeakValueDictionary()


def _unpack(pickled: bytes) -> Movable:
    name, slot, new, outline = pickle.loads(pickled)
    return _laid(outline, new if slot is None else _open[name].lend(slot, new))


def _laid(outline: Batch, buffer: torch.Tensor) -> Batch:
    """Return a batch of the outline's shapes whose tensors lie in `buffer`, one after the other."""
    end = 0

    def lie(like: torch.Tensor) -> torch.Tensor:
        nonlocal end
        start, end = end, end + _space(like)
        return buffer[start : start + like.nbytes].view(like.dtype).as_strided(like.shape, like.stride())

    return outline.map(lie)


def _tensors(batch: Movable) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    batch.map(found.append)
    return found


def _space(tensor: torch.Tensor) -> int:
    """Return the bytes that a tensor takes in a buffer."""
    return -(-tensor.nbytes // ALIGNED) * ALIGNED
