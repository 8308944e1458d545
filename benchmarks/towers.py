"""PAST's towers beside the published ones, transcribed here: seconds of a forward and backward pass, as ratios.

Same batch, crops as bytes, same threads, alternating. Sentences have Xenium's lengths: a median of 60 of 300 tokens.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import timm
import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import nn

from past.models.past.cell_encoder import CellEncoder
from past.models.past.niche_encoder import NicheEncoder
from past.models.past.vocabulary import PADDING, RESERVED
from past.nn.image_encoder import IMAGENET_MEAN, IMAGENET_STD, ImageEncoder

VOCABULARY, CONTEXT, MEDIAN, SPREAD, NODES, WIDTH, SIDE = 20_345, 300, 60, 0.6, 9, 512, 224


class PublishedCells(nn.Module):
    """torch's own encoder layers over all 300 places, and the mean over all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, WIDTH, padding_idx=PADDING)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        layer = nn.TransformerEncoderLayer(WIDTH, 16, 1024, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)

    def forward(self, sentences: torch.Tensor) -> torch.Tensor:
        """Return (B, WIDTH) of (B, CONTEXT) tokens."""
        x = self.tokens(sentences) + self.positions(torch.arange(CONTEXT))
        return self.layers(x, src_key_padding_mask=sentences == PADDING)[:, 3:].mean(1)


class PublishedNiche(nn.Module):
    """Graph attention edge by edge, over a list of edges, as a graph library does it."""

    def __init__(self) -> None:
        super().__init__()
        widths = (CONTEXT, 256, WIDTH)
        self.linear = nn.ModuleList(nn.Linear(a, b, bias=False) for a, b in itertools.pairwise(widths))
        self.ends = nn.ParameterList(nn.Parameter(torch.randn(2, b) * 0.1) for b in widths[1:])
        self.norms = nn.ModuleList(nn.LayerNorm(b) for b in widths[1:])

    def forward(self, nodes: torch.Tensor) -> torch.Tensor:
        """Return (B, WIDTH) of (B, NODES, CONTEXT) token ids."""
        cells = len(nodes)
        pairs = torch.cartesian_prod(torch.arange(NODES), torch.arange(NODES))
        source, target = (pairs.T[:, None] + NODES * torch.arange(cells)[:, None]).flatten(1)
        x = nodes.flatten(0, 1)
        for layer, (linear, ends, norm) in enumerate(zip(self.linear, self.ends, self.norms, strict=True)):
            h = linear(x)
            score = F.leaky_relu((h * ends[0]).sum(1)[source] + (h * ends[1]).sum(1)[target], 0.2)
            weight = (score - score.max()).exp()
            total = torch.zeros(len(x)).index_add(0, target, weight)
            x = norm(torch.zeros_like(h).index_add(0, target, (weight / total[target])[:, None] * h[source]))
            x = F.dropout(F.relu(x), 0.1) if layer == 0 else x
        return x[NODES - 1 :: NODES]


def sentences(cells: int, generator: torch.Generator) -> torch.Tensor:
    """Return (cells, NODES, CONTEXT - 3) tokens."""
    lengths = (MEDIAN * (SPREAD * torch.randn(cells, NODES, generator=generator)).exp()).long().clamp(1, CONTEXT - 3)
    tokens = torch.randint(RESERVED, VOCABULARY, (cells, NODES, CONTEXT - 3), generator=generator)
    return tokens.masked_fill(torch.arange(CONTEXT - 3) >= lengths[:, :, None], PADDING)


def seconds(run: Callable[[], torch.Tensor]) -> float:
    """Return what a forward and backward pass takes."""
    start = time.perf_counter()
    run().square().mean().backward()
    return time.perf_counter() - start


def alternating(ours: Callable[[], torch.Tensor], published: Callable[[], torch.Tensor], times: int) -> list[float]:
    """Return the median seconds of both, after one of each that does not count."""
    for run in (ours, published):
        seconds(run)
    taken = [(seconds(ours), seconds(published)) for _ in range(times)]
    return [statistics.median(column) for column in zip(*taken, strict=True)]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--depth", type=int, default=2, help="blocks of the image tower; UNI has 24")
    asked = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    tokens, context = sentences(asked.batch, generator), torch.tensor([[4, 9, 5]]).expand(asked.batch, 3)
    valid, values = torch.ones(asked.batch, NODES, dtype=torch.bool), torch.zeros(tokens.shape)
    padded = torch.cat([context, tokens[:, 0]], dim=1)
    ids = F.pad(tokens.masked_fill(tokens == PADDING, 0).float(), (0, 3))
    crops = torch.randint(0, 256, (asked.batch, 3, SIDE, SIDE), dtype=torch.uint8, generator=generator)
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)

    cells, niche = CellEncoder(VOCABULARY, context=CONTEXT), NicheEncoder(WIDTH)
    their_cells, their_niche = PublishedCells(), PublishedNiche()
    options = {"img_size": SIDE, "init_values": 1e-5, "dynamic_img_size": True, "depth": asked.depth}
    image = ImageEncoder("vit_large_patch16_224", options=options)
    their_image = timm.create_model("vit_large_patch16_224", num_classes=0, **options)

    def ours() -> torch.Tensor:
        nodes = cells.node_features(tokens, values)
        return cells(tokens[:, 0], values[:, 0], context) + niche(nodes, valid)

    rows = {
        "cell and niche towers": (ours, lambda: their_cells(padded) + their_niche(ids), 2.5),
        f"image tower, {asked.depth} blocks": (
            lambda: image(crops),
            lambda: their_image((crops / 255 - mean) / std),
            1.0,
        ),
    }
    said = f"batch of {asked.batch}, {torch.get_num_threads()} threads, median of {asked.times}"
    table = Table(title=f"Forward and backward: {said}")
    for column in ("", "published, s", "ours, s", "times faster", "wanted"):
        table.add_column(column, justify="left" if not column else "right")
    for name, (own, theirs, wanted) in rows.items():
        mine, published = alternating(own, theirs, asked.times)
        table.add_row(name, f"{published:.3f}", f"{mine:.3f}", f"{published / mine:.2f}", f"{wanted:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
