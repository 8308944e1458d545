"""Two ranks of one thread beside one rank of one thread, with the contrast over the global batch: samples/s.

A rank has the same batch in both. The towers are the demo's, and UNI's and PAST's shapes cut to two blocks each.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from past.models.past.batch import CellBatch
from past.models.past.cell_encoder import CellEncoder
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.fusion import CrossAttention
from past.models.past.gradient_cache import embed
from past.models.past.model import PASTModel
from past.models.past.module import Contrast
from past.models.past.niche_encoder import NicheEncoder
from past.models.past.vocabulary import PADDING, RESERVED
from past.nn.colour import ColourEncoder
from past.nn.image_encoder import ImageEncoder

NODES, WORDS, MEDIAN, SIDE, WANTED = 9, 297, 60, 224, 1.7


class Contrasted(nn.Module):
    """A training step's forward pass: both towers and a rank's share of the loss."""

    def __init__(self, model: PASTModel, contrast: Contrast) -> None:
        super().__init__()
        self.model, self.contrast = model, contrast
        self.prepare: Callable[[CellBatch], CellBatch] = lambda cells: cells

    def forward(self, batch: CellBatch) -> torch.Tensor:
        """Return the loss."""
        seeds = torch.zeros(len(batch), dtype=torch.int64)
        return self.contrast(embed(self.model, batch, seeds, self.contrast.cache_chunk, self.prepare))


def demo(cache_chunk: int | None = None) -> Contrasted:
    """The towers of experiment=demo, over 204 genes."""
    cells = ExpressionEncoder(RESERVED + 204, width=20)
    niche = NicheEncoder(20, hidden=64, width=20)
    model = PASTModel(ColourEncoder(), cells, niche, CrossAttention(20, heads=4), temperature=0.2)
    return Contrasted(model, Contrast("info_nce", cache_chunk=cache_chunk))


def uni_shaped() -> Contrasted:
    """The published widths with two blocks a tower."""
    options = {"img_size": SIDE, "init_values": 1e-5, "dynamic_img_size": True, "depth": 2}
    images = ImageEncoder("vit_large_patch16_224", options=options)
    cells = CellEncoder(RESERVED + 5000, layers=2)
    return Contrasted(PASTModel(images, cells, NicheEncoder(512), CrossAttention(512)), Contrast())


TOWERS: dict[str, tuple[Callable[[], Contrasted], int, int]] = {  # of how many genes, cells of a rank's batch
    "demo": (demo, 204, 128),
    "UNI-shaped": (uni_shaped, 5000, 16),
}


def batch_of(cells: int, genes: int, seed: int) -> CellBatch:
    """Return random cells with sentences of Xenium's lengths."""
    generator = torch.Generator().manual_seed(seed)
    lengths = (MEDIAN * (0.6 * torch.randn(cells, NODES, 1, generator=generator)).exp()).long().clamp(1, WORDS)
    tokens = torch.randint(RESERVED, RESERVED + genes, (cells, NODES, WORDS), generator=generator)
    tokens.masked_fill_(torch.arange(WORDS) >= lengths, PADDING)
    return CellBatch(
        crops=torch.randint(0, 256, (cells, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator),
        tokens=tokens,
        values=torch.rand(tokens.shape, generator=generator).masked_fill_(tokens == PADDING, 0),
        valid=torch.ones(cells, NODES, dtype=torch.bool),
        context_tokens=torch.tensor([[4, 9, 5]]).expand(cells, 3),
        positions=torch.zeros(cells, NODES, 2),
        keys=[str(i) for i in range(cells)],
        meta=[{} for _ in range(cells)],
    )


def work(name: str, steps: int) -> None:
    """Train as the rank that the environment says, and print the seconds of the median step."""
    torch.set_num_threads(1)
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    make, genes, cells = TOWERS[name]
    torch.manual_seed(0)
    module: nn.Module = make()
    if world > 1:
        dist.init_process_group("gloo")
        module = DistributedDataParallel(module)
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    batch, taken = batch_of(cells, genes, rank), []
    for _ in range(1 + steps):
        start = time.perf_counter()
        module(batch).backward()
        optimizer.step()
        optimizer.zero_grad()
        taken.append(time.perf_counter() - start)
    if rank == 0:
        print(json.dumps(sorted(taken[1:])[steps // 2]))


def step_seconds(name: str, world: int, steps: int) -> float:
    """Start the ranks and return the seconds of the first one's median step."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(world), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--work", name, "--steps", str(steps)]
    ranks = [
        subprocess.Popen(command, env=os.environ | told | {"RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in range(world)
    ]
    said = [rank.communicate()[0] for rank in ranks]
    return float(json.loads(said[0]))


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--work", choices=TOWERS, help="be a rank")
    asked = parser.parse_args()
    if asked.work:
        work(asked.work, asked.steps)
        return
    table = Table(title="Training steps, one thread a rank")
    for column in ("towers", "batch of a rank", "one rank, samples/s", "two ranks, samples/s", "ratio", "wanted"):
        table.add_column(column, justify="right" if table.columns else "left")
    for name, (_, _, cells) in TOWERS.items():
        one, two = (world * cells / step_seconds(name, world, asked.steps) for world in (1, 2))
        table.add_row(name, str(cells), f"{one:.1f}", f"{two:.1f}", f"{two / one:.2f}", f"{WANTED}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
