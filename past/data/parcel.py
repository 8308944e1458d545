"""Batches on their way out of a worker: each in one piece of shared memory, which is used again once it is free.

torch hands over each tensor by itself in new memory, and pages that nobody has touched cost more than to fill them.
"""

import os
import weakref
from typing import TypeVar
from uuid import uuid4

import torch

from past.types import Movable

ALIGNED = 64  # bytes: where a tensor may begin
SLOTS = 64  # pieces of a worker; more batches than are ever on their way, or kept by who trains
Cargo = TypeVar("Cargo", bound=Movable)


class Pieces:
    """Shared memory of a loader's workers, made when they need it; belongs to the process that reads.

    Args:
        workers: how many there are.
    """

    def __init__(self, workers: int) -> None:
        self._name, self._owner = uuid4().hex, os.getpid()
        self._taken = torch.zeros(workers, SLOTS, dtype=torch.bool).share_memory_()
        self._known: dict[tuple[int, int], torch.Tensor] = {}  # by worker and slot
        _open[self._name] = self

    def pack(self, cargo: Movable, worker: int) -> tuple[object, ...]:
        """Lay the cargo's tensors into a piece; returns what `unpack` takes, where the pieces were made."""
        outline = cargo.map(lambda tensor: torch.empty_like(tensor, device="meta"))
        size = sum(map(_space, _tensors(outline)))
        slot = next((slot for slot in range(SLOTS) if not self._taken[worker, slot]), None)
        piece, new = None if slot is None else self._known.get((worker, slot)), None
        if piece is None or len(piece) < size:
            piece = new = torch.empty(size, dtype=torch.uint8).share_memory_()
        if slot is not None:
            self._known[worker, slot], self._taken[worker, slot] = piece, True
        for place, tensor in zip(_tensors(_laid(outline, piece)), _tensors(cargo), strict=True):
            place.copy_(tensor)
        return self._name, worker, slot, new, outline

    def _lend(self, worker: int, slot: int, new: torch.Tensor | None) -> torch.Tensor:
        """Return a tensor of a piece that is free again when the last that shares its memory is gone."""
        if new is not None:
            self._known[worker, slot] = new
        lent = self._known[worker, slot].numpy()  # another array each time, which its tensors keep alive
        weakref.finalize(lent, self._give_back, worker, slot).atexit = False
        return torch.from_numpy(lent)

    def _give_back(self, worker: int, slot: int) -> None:
        if os.getpid() == self._owner:  # a process that was forked from it has copies of what it holds
            self._taken[worker, slot] = False


_open: weakref.WeakValueDictionary[str, Pieces] = weakref.WeakValueDictionary()


def unpack(name: str, worker: int, slot: int | None, new: torch.Tensor | None, outline: Cargo) -> Cargo:
    """Return what was packed, where it lies."""
    if slot is None:
        assert new is not None
        return _laid(outline, new)
    return _laid(outline, _open[name]._lend(worker, slot, new))


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
