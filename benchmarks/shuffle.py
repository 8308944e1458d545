"""How well the stream shuffles: the share of a batch that comes from one section, beside a perfect shuffle's.

Arithmetic over a plan, no bytes: 100 sections of 20 shards of 2,000 cells, one rank, batches of 64. Prints a table and
draws bench/shuffle.png.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from rich.console import Console
from rich.table import Table

from past.data.stream.plan import Reading, plan_epoch

mpl.use("Agg")
import matplotlib.pyplot as plt

SECTIONS, SHARDS, CELLS, BATCH = 100, 20, 2_000, 64


def largest_shares(sections: np.ndarray) -> np.ndarray:
    """Return, for each whole batch of (n,) section numbers, the share of its most frequent section."""
    batches = sections[: len(sections) // BATCH * BATCH].reshape(-1, BATCH)
    counts = np.zeros((len(batches), SECTIONS), np.int32)
    np.add.at(counts, (np.arange(len(batches))[:, None], batches), 1)
    return counts.max(1) / BATCH


def streamed(open_shards: int, buffer: int) -> np.ndarray:
    """Return the section of each cell in the order of the stream."""
    reading = Reading(batch_size=BATCH, open_shards=open_shards, buffer=buffer)
    plan = plan_epoch([CELLS] * SECTIONS * SHARDS, seed=0, epoch=0, rank=0, reading=reading)
    groups = [np.array([piece.shard for piece in group.pieces])[group.piece] // SHARDS for _, group in plan.groups()]
    return np.concatenate(groups)


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench/shuffle.png"))
    out = parser.parse_args().out
    shares = {
        f"{open_shards} open, buffer {buffer:,}": largest_shares(streamed(open_shards, buffer))
        for open_shards in (1, 4, 16, 64)
        for buffer in (1_000, 10_000)
    }
    perfect = np.random.default_rng(0).permutation(np.repeat(np.arange(SECTIONS), SHARDS * CELLS))
    shares["perfect shuffle"] = largest_shares(perfect)
    table = Table("reading", "mean", "95 % of batches below", title="share of a batch from its most frequent section")
    for name, share in shares.items():
        table.add_row(name, f"{share.mean():.3f}", f"{np.quantile(share, 0.95):.3f}")
    Console().print(table)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    axes.boxplot(list(shares.values()), tick_labels=list(shares), orientation="horizontal", whis=(5, 95), sym="")
    axes.set(xlabel="share of a batch of 64 from its most frequent section", xlim=(0, 1.02))
    axes.axvline(shares["perfect shuffle"].mean(), color="tab:green", linewidth=1)
    axes.invert_yaxis()
    figure.savefig(out, dpi=150)
    print(f"drawn in {out}")


if __name__ == "__main__":
    main()
