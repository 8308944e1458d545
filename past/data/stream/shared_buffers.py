"""Batches on their way out of a worker: each in one piece of shared memory, which is used again once it is free.

torch hands over each tensor by itself in new memory, and pages that nobody has touched cost more than to fill them.
A batch is free when the last view of any of its tensors is gone: who keeps one for long keeps a copy.
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

ALIGNED = 64  # bytes: where a tensor may begin
SLOTS = 64  # pieces of a worker that are used again; a batch that finds none free gets a new one
Cargo = TypeVar("Cargo", bound=Movable)


class Pieces:
    """Shared memory of a loader's workers, made when they need it; belongs to the process that reads.

    Args:
        workers: how many there are.
    """

    def __init__(self, workers: int) -> None:
        self._name, self._owner = uuid4().hex, os.getpid()
        self._taken = RawArray("b", workers * SLOTS)  # no tensor: a finaliser writes it, under any mode of torch
        self._known: dict[int, torch.Tensor] = {}  # by number: of a worker its own, of the reader all
        _open[self._name] = self

    def pack(self, cargo: Cargo, worker: int) -> Cargo:
        """Return what pickles as one tensor in shared memory, and arrives as the cargo where the pieces were made.

        Raises:
            DataError: there is no shared memory left, or no way to send it.
        """
        outline = cargo.map(lambda tensor: torch.empty_like(tensor, device="meta"))
        size = sum(map(_space, _tensors(outline)))
        own = range(worker * SLOTS, (worker + 1) * SLOTS)
        number = next((number for number in own if not self._taken[number]), None)
        piece, new = None if number is None else self._known.get(number), None
        try:
            if piece is None or len(piece) < size:
                piece = new = torch.empty(size, dtype=torch.uint8).share_memory_()
            packed = _Packed(self._name, number, new, outline)
        except (RuntimeError, OSError) as error:
            raise DataError(
                f"a batch of {size / 1e6:,.1f} MB cannot be handed over ({' '.join(str(error).split())[:200]}): is "
                "shared memory full (docker run --shm-size=…), TMPDIR a long path, or ulimit -n too low?"
            ) from error
        if number is not None:
            self._known[number], self._taken[number] = piece, True
        for place, tensor in zip(_tensors(_laid(outline, piece)), _tensors(cargo), strict=True):
            place.copy_(tensor)
        return cast(Cargo, packed)

    def lend(self, number: int, new: torch.Tensor | None) -> torch.Tensor:
        """Return a tensor of a piece that is free again when the last that shares its memory is gone."""
        if new is not None:
            self._known[number] = new
        lent = self._known[number].numpy()  # another array each time, which its tensors keep alive
        weakref.finalize(lent, self._give_back, number).atexit = False
        return torch.from_numpy(lent)

    def _give_back(self, number: int) -> None:
        if os.getpid() == self._owner:  # a process that was forked from it has copies of what it holds
            self._taken[number] = False


class _Packed:
    """Pickles as what `_unpack` returns of these; they are pickled at once: a queue loses what fails in its thread."""

    def __init__(self, *parts: Any) -> None:
        self._pickled = bytes(ForkingPickler.dumps(parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (self._pickled,)


_open: weakref.WeakValueDictionary[str, Pieces] = weakref.WeakValueDictionary()


def _unpack(pickled: bytes) -> Movable:
    name, number, new, outline = pickle.loads(pickled)
    return _laid(outline, new if number is None else _open[name].lend(number, new))


def _laid(outline: Cargo, piece: torch.Tensor) -> Cargo:
    """Return the outline with its tensors in `piece`, one after the other."""
    end = 0

    def lie(like: torch.Tensor) -> torch.Tensor:
        nonlocal end
        start, end = end, end + _space(like)
        return piece[start : start + like.nbytes].view(like.dtype).as_strided(like.shape, like.stride())

    return outline.map(lie)


def _tensors(cargo: Movable) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    cargo.map(found.append)
    return found


def _space(tensor: torch.Tensor) -> int:
    return -(-tensor.nbytes // ALIGNED) * ALIGNED
