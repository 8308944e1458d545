"""Several ranks with uneven batches must equal one process with the whole batch: loss and every gradient."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from past.losses.contrastive import info_nce, own_rows, siglip, soft_target

PAIRS, WIDTH, DIM = 12, 5, 4
SHARES = {1: (12,), 2: (7, 5), 3: (1, 8, 3)}


class Towers(torch.nn.Module):
    """Two linear towers and a temperature: enough for every path a gradient can take."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.cell = torch.nn.Parameter(torch.randn(WIDTH, DIM, generator=generator, dtype=torch.float64))
        self.image = torch.nn.Parameter(torch.randn(WIDTH, DIM, generator=generator, dtype=torch.float64))
        self.temperature = torch.nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.bias = torch.nn.Parameter(torch.tensor(-2.0, dtype=torch.float64))

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        normalise = torch.nn.functional.normalize
        return normalise(rows[:, 0] @ self.cell, dim=1), normalise(rows[:, 1] @ self.image, dim=1)


def loss_of(
    name: str, towers: Towers, rows: torch.Tensor, **gather: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    cells, images = towers(rows)
    if name == "siglip":
        return siglip(cells, images, towers.temperature, towers.bias, **gather)
    loss = {"soft_target": soft_target, "info_nce": info_nce}[name]
    return loss(cells, images, towers.temperature, **gather)


def data() -> torch.Tensor:
    return torch.randn(PAIRS, 2, WIDTH, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


def gradients(towers: Towers) -> dict[str, torch.Tensor]:
    return {name: value.grad for name, value in towers.named_parameters() if value.grad is not None}


def work(rank: int, world: int, folder: str) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/init", rank=rank, world_size=world)
    own = data().split(SHARES[world])[rank]
    found = {}
    for name in ("soft_target", "info_nce", "siglip"):
        towers = Towers()
        loss = loss_of(name, towers, own)
        loss.backward()
        mean = {"loss": loss.detach(), **gradients(towers)}
        for value in mean.values():  # what DDP does to gradients
            dist.all_reduce(value)
            value /= world
        found[name] = mean
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("world", SHARES)
def test_uneven_ranks_equal_one_process(world: int, tmp_path: Path) -> None:
    mp.spawn(work, args=(world, str(tmp_path)), nprocs=world)
    per_rank = [torch.load(tmp_path / f"{rank}.pt") for rank in range(world)]
    for name in ("soft_target", "info_nce", "siglip"):
        towers = Towers()
        loss = loss_of(name, towers, data(), gather=own_rows)
        loss.backward()
        expected = {"loss": loss.detach(), **gradients(towers)}
        assert len(expected) == (5 if name == "siglip" else 4)
        for found in per_rank:
            assert found[name].keys() == expected.keys()
            for quantity, value in expected.items():
                torch.testing.assert_close(found[name][quantity], value, rtol=1e-9, atol=1e-9)
