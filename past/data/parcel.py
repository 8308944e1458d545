"""A batch on its way out of a worker: all its tensors in one piece of shared memory.

torch hands over each tensor by itself, with a file descriptor, a connection and a handshake that waits for the worker's
interpreter: for a batch of six, that takes longer than its pixels do.
"""

from typing import TypeVar

import torch

from past.types import Movable

ALIGNED = 64  # bytes: where a tensor may begin
Cargo = TypeVar("Cargo", bound=Movable)


def pack(cargo: Cargo) -> tuple[Cargo, torch.Tensor]:
    """Return the cargo's outline, its tensors without their bytes, and one tensor of all these bytes."""
    outline = cargo.map(lambda tensor: torch.empty_like(tensor, device="meta"))
    piece = torch.empty(sum(map(_space, _tensors(outline))), dtype=torch.uint8)
    for place, tensor in zip(_tensors(unpack(outline, piece)), _tensors(cargo), strict=True):
        place.copy_(tensor)
    return outline, piece


def unpack(outline: Cargo, piece: torch.Tensor) -> Cargo:
    """Return what was packed, its tensors where they lie in `piece`."""
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
