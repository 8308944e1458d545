"""A small PAST with every kind of part, its contrast, and a batch: what several ranks are compared on."""

from contextlib import nullcontext
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from past.models.past.batch import CellBatch
from past.models.past.cell_encoder import CellEncoder
from past.models.past.fusion import WeightedAdd
from past.models.past.gradient_cache import embed
from past.models.past.model import PASTModel
from past.models.past.module import KINDS, Contrast
from past.models.past.niche_encoder import NicheEncoder
from past.models.past.vocabulary import PADDING
from past.nn.dropout import number_dropouts

PAIRS, NODES, WORDS, SIDE = 12, 3, 6, 4
SHARES = {1: (12,), 2: (7, 5), 3: (1, 8, 3), 4: (4, 2, 1, 5)}
Case = tuple[str, int, int | None]  # the loss, batches of an update, cache_chunk
CASES: list[Case] = [(kind, batches, chunk) for kind in KINDS for batches in (1, 2) for chunk in (None, 3)]
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-5}
Found = dict[str, torch.Tensor]


class Images(nn.Sequential):
    """The smallest image tower: many ranks share few cores."""

    width = 6

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 6), nn.GELU(), nn.Linear(6, 6))


class Contrasted(nn.Module):
    """The same weights each time; `forward` is a rank's share of the loss."""

    def __init__(self, contrast: Contrast, dropout: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.contrast = contrast
        self.model = PASTModel(
            Images(),
            CellEncoder(40, context=9, width=8, layers=2, heads=2, feedforward=12, dropout=dropout),
            NicheEncoder(8, hidden=6, width=8, dropout=dropout),
            WeightedAdd(8),
            dim=5,
            temperature=0.3,
            dropout=dropout,
        )
        number_dropouts(self.model)
        self.bias = nn.Parameter(torch.tensor([-2.0])) if contrast.kind == "siglip" else None

    def forward(self, batch: CellBatch, seeds: torch.Tensor) -> torch.Tensor:
        return self.contrast(embed(self.model, batch, seeds, self.contrast.cache_chunk), self.bias)


def batch_of(number: int, dtype: torch.dtype, pairs: int = PAIRS) -> CellBatch:
    """Sentences of different lengths, some neighbours missing."""
    generator = torch.Generator().manual_seed(number)
    tokens = torch.randint(30, 40, (pairs, NODES, WORDS), generator=generator)
    tokens[torch.arange(WORDS) >= torch.randint(1, WORDS + 1, (pairs, NODES, 1), generator=generator)] = PADDING
    valid = torch.rand(pairs, NODES, generator=generator) < 0.7
    valid[:, 0] = True
    return CellBatch(
        crops=torch.rand(pairs, 3, SIDE, SIDE, generator=generator, dtype=torch.float64).to(dtype),
        tokens=tokens,
        values=torch.zeros(tokens.shape, dtype=dtype),
        valid=valid,
        context_tokens=torch.tensor([[4, 9, 5]]).expand(pairs, 3),
        positions=torch.zeros(pairs, NODES, 2),
        keys=[str(i) for i in range(pairs)],
        meta=[{} for _ in range(pairs)],
    )


def rows_of(batch: CellBatch, share: slice) -> CellBatch:
    return CellBatch(**{name: value[share] for name, value in vars(batch).items() if value is not None})


def gradients(case: Case, dtype: torch.dtype, share: slice = slice(None)) -> Found:
    """The loss and every gradient of an update, of as many batches as `case` says; averaged over ranks by DDP."""
    kind, batches, chunk = case
    module = Contrasted(Contrast(kind, cache_chunk=chunk)).to(dtype)
    ranks = DistributedDataParallel(module) if dist.is_initialized() else module
    total = torch.zeros((), dtype=dtype)
    for number in range(batches):
        batch = rows_of(batch_of(number, dtype), share)
        waits = isinstance(ranks, DistributedDataParallel) and number < batches - 1
        with ranks.no_sync() if waits else nullcontext():
            loss = ranks(batch, torch.zeros(len(batch), dtype=torch.int64)) / batches
            loss.backward()
        total += loss.detach()
    if dist.is_initialized():
        dist.all_reduce(total)
        total /= dist.get_world_size()
    return {"loss": total, **{name: parameter.grad for name, parameter in module.named_parameters()}}  # type: ignore[dict-item]


def work(rank: int, world: int, folder: str) -> None:
    """Compute every case as `rank` of `world`."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/init", rank=rank, world_size=world)
    start = sum(SHARES[world][:rank])
    own = slice(start, start + SHARES[world][rank])
    found = {(case, dtype): gradients(case, dtype, own) for case in CASES for dtype in TOLERANCES}
    torch.save(found, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()
