"""Twelve pairs and twelve slides, and what the metrics say of some of them on several ranks."""

from pathlib import Path

import torch
import torch.distributed as dist

from past.evaluation.statistics.pearson import GenePearson
from past.evaluation.statistics.recall import PairRecall


def pairs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Twelve pairs of unit vectors that partly find each other, in two sections that both ranks have cells of."""
    generator = torch.Generator().manual_seed(3)
    images = torch.randn(12, 6, generator=generator)
    cells = images + torch.randn(12, 6, generator=generator)
    return *(torch.nn.functional.normalize(side, dim=1) for side in (images, cells)), torch.arange(12) % 2


def slides() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Twelve slides of nine spots and four genes; on the third no gene varies, on the eighth one prediction is flat."""
    generator = torch.Generator().manual_seed(4)
    made = []
    for number in range(12):
        truth = torch.randn(9, 4, generator=generator)
        predicted = truth + torch.randn(9, 4, generator=generator)
        if number == 2:
            truth = torch.ones(9, 4)
        if number == 7:
            predicted[:, 0] = 1.0
        made.append((predicted, truth))
    return made


def scores_of(numbers: range) -> dict[str, float]:
    """Update both metrics with these samples, a few at a time, and return what they are over all ranks."""
    recall, pearson = PairRecall(ks=(1, 5)), GenePearson(tops=(2, 4))
    for part in torch.arange(numbers.start, numbers.stop).split(3):  # of none, an empty part
        recall.update(*(side[part] for side in pairs()))
    for number in numbers:
        pearson.update(*slides()[number])
    return {**recall.compute(), **pearson.compute()}


def work(rank: int, folder: str, sizes: tuple[int, ...]) -> None:
    """Score as many samples as `sizes` says for this rank, and write what the metrics say."""
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=len(sizes))
    try:
        start = sum(sizes[:rank])
        torch.save(scores_of(range(start, start + sizes[rank])), Path(folder) / f"{rank}.pt")
    finally:
        dist.destroy_process_group()
