"""The process group, seen from below Lightning: who am I, and two ways for rows to travel with their gradients."""

from collections.abc import Iterator

import torch
import torch.distributed as dist
from torch.autograd.function import FunctionCtx


def is_distributed() -> bool:
    """Whether a process group of more than one rank is running."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank_and_world() -> tuple[int, int]:
    """Return (rank, world); (0, 1) outside a process group."""
    return (dist.get_rank(), dist.get_world_size()) if is_distributed() else (0, 1)


def is_lost_rank(error: RuntimeError) -> bool:
    """Whether `error` is what a rank meets where another one has gone: gloo's has no class of its own."""
    return isinstance(error, dist.DistError) or "gloo/transport" in str(error)


def gather_sizes(rows: int, device: torch.device) -> list[int]:
    """Return every rank's `rows`, in rank order."""
    if not is_distributed():
        return [rows]
    own = torch.tensor([rows], device=device)
    sizes = [torch.empty_like(own) for _ in range(dist.get_world_size())]
    dist.all_gather(sizes, own)
    return torch.cat(sizes).tolist()


class _GatherRows(torch.autograd.Function):
    """All ranks' rows forward; backward sums every rank's gradient of this rank's rows."""

    @staticmethod
    def forward(ctx: FunctionCtx, rows: torch.Tensor, sizes: list[int]) -> torch.Tensor:
        ctx.sizes = sizes  # type: ignore[attr-defined]
        largest = max(sizes)
        padded = rows.new_zeros((largest, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        sizes: list[int] = ctx.sizes  # type: ignore[attr-defined]
        total = grads[0].contiguous().clone()
        dist.all_reduce(total)
        start = sum(sizes[: dist.get_rank()])
        return total[start : start + sizes[dist.get_rank()]], None


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Gather (b, …) rows of all ranks into (B, …) in rank order; ranks may hold different numbers of rows.

    The gradient that reaches a rank's own rows is the sum over all ranks' losses, as in one process.
    """
    if not is_distributed():
        return rows
    sizes = gather_sizes(len(rows), rows.device)
    return _GatherRows.apply(rows, sizes)  # type: ignore[no-any-return]


class _PassOn(torch.autograd.Function):
    """The previous rank's rows forward, the next rank's gradients backward."""

    @staticmethod
    def forward(ctx: FunctionCtx, rows: torch.Tensor, received: int) -> torch.Tensor:
        ctx.sent = len(rows)  # type: ignore[attr-defined]
        return _exchange(rows, received, step=1)

    @staticmethod
    def backward(ctx: FunctionCtx, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _exchange(grads[0], ctx.sent, step=-1), None  # type: ignore[attr-defined]


def _exchange(rows: torch.Tensor, received: int, step: int) -> torch.Tensor:
    """Send `rows` to the rank `step` further on and return the `received` rows of the rank `step` back."""
    rank, world = rank_and_world()
    rows, theirs = rows.contiguous(), rows.new_empty((received, *rows.shape[1:]))
    to, back = (rank + step) % world, (rank - step) % world
    for work in dist.batch_isend_irecv([dist.P2POp(dist.isend, rows, to), dist.P2POp(dist.irecv, theirs, back)]):
        work.wait()
    return theirs


def pass_around(rows: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield this rank's (b, …) rows, then each other rank's, one at a time as they travel around the ring of ranks.

    Gradients travel back the way the rows came: those that reach a rank's own rows are summed over all ranks' losses.
    """
    yield rows
    rank, world = rank_and_world()
    sizes = gather_sizes(len(rows), rows.device)
    for turn in range(1, world):
        rows = _PassOn.apply(rows, sizes[(rank - turn) % world])  # type: ignore[assignment]
        yield rows
