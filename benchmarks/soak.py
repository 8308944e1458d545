"""Memory and open files over a long training with workers: a table of how much they grow, and bench/soak.csv.

The smallest PAST trains on a simulated tissue through the program's own entry, with its own callbacks, 20 epochs and
as many validations. Counted are this process and its workers together, as /proc has them (Linux).
"""

import argparse
import csv
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hydra
import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.table import Table

from past import config as door
from past.train import train

MB, WANTED, BATCH, EVERY = 1e6, 5, 8, 10  # wanted: per cent
SMALLEST = (
    "name=soak", "run_id=one", "trainer=cpu", "callbacks.progress=null", "encoder.name=test_vit", "model.dim=8",
    "+encoder.options.img_size=32", "model.niche_encoder.hidden=16", "cell_encoder.width=16", "cell_encoder.layers=1",
    "cell_encoder.heads=2", "cell_encoder.feedforward=16", "data.samples.context=16", f"data.batch_size={BATCH}",
    "data.val=0.25", "callbacks.last.every=100",
)  # fmt: skip


class Soak(Callback):
    """Writes update, validations so far, bytes in memory and open files of this process and its workers, now and then.

    Args:
        out: the CSV file.
    """

    def __init__(self, out: str) -> None:
        self._out, self._validations = Path(out), 0
        self._out.write_text("update,validations,bytes,files\n")

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count every few updates."""
        if trainer.global_step % EVERY == 0:
            counted = [
                _counted(pid) for pid in (os.getpid(), *(child.pid for child in multiprocessing.active_children()))
            ]
            taken, files = map(sum, zip(*counted, strict=True))
            with self._out.open("a") as file:
                file.write(f"{trainer.global_step},{self._validations},{taken},{files}\n")

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the validation."""
        self._validations += 1


def _counted(pid: int | None) -> tuple[int, int]:
    """Return a process's bytes in memory, its share where pages are shared, and open files; none where it has ended."""
    try:
        share = re.search(r"^Pss: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        return int(share[1]) * 1024 if share else 0, len(os.listdir(f"/proc/{pid}/fd"))
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0


def simulated(folder: Path, cells: int) -> Path:
    """Make shards of four patients, of whom three train with so many cells in all."""
    program = [sys.executable, "-c", "from past.cli.app import main; main()", "shards", "synthetic", "--px", "32"]
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([*program, "--patients", "4", "--cells", str(cells // 3), "--out", str(folder)], check=True)
    return folder


def soak(folder: Path, updates: int, validations: int, workers: int) -> list[dict[str, int]]:
    """Train, and return what was counted."""
    root = simulated(folder / "soak-shards", updates // validations * BATCH)
    shutil.rmtree(folder / "soak-runs", ignore_errors=True)
    counts = folder / "soak.csv"
    words = [
        *SMALLEST, f"data.root={root}", f"output_root={folder / 'soak-runs'}", f"data.num_workers={workers}",
        f"trainer.max_epochs={validations}", "+callbacks.soak._target_=soak.Soak", f"+callbacks.soak.out={counts}",
    ]  # fmt: skip
    door.register()
    with hydra.initialize_config_dir(str(door.CONF), version_base="1.3"):
        train(hydra.compose("train", words))
    with counts.open(newline="") as file:
        return [{name: int(value) for name, value in row.items()} for row in csv.DictReader(file)]


def growth(rows: list[dict[str, int]], name: str, settled: int) -> tuple[float, float, float]:
    """Return two medians, after the settled updates and at the end, over as many as those were; and the growth in %."""
    after = [row[name] for row in rows if settled < row["update"] <= 2 * settled]
    last = [row[name] for row in rows if row["update"] > rows[-1]["update"] - settled]
    first, end = float(np.median(after)), float(np.median(last))
    return first, end, 100 * (end / first - 1)


def main() -> None:
    """Train, and print a table; exit code 1 where more grew than is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench"))
    parser.add_argument("--updates", type=int, default=3000)
    parser.add_argument("--validations", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--settled", type=int, default=500, help="updates that are not counted")
    asked = parser.parse_args()
    out = asked.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    rows = soak(out, asked.updates, asked.validations, asked.workers)
    title = f"{rows[-1]['update']:,} updates with {asked.workers} workers, {rows[-1]['validations'] + 1} validations"
    table = Table(title=title)
    for column in ("", f"updates {asked.settled:,} to {2 * asked.settled:,}", f"the last {asked.settled:,}", "growth"):
        table.add_column(column, justify="right")
    most = 0.0
    for name, told, scale in (("bytes", "memory, MB", MB), ("files", "open files", 1)):
        first, end, grown = growth(rows, name, asked.settled)
        most = max(most, grown)
        table.add_row(told, f"{first / scale:,.0f}", f"{end / scale:,.0f}", f"{grown:+.1f} %")
    console = Console(width=110)
    console.print(table)
    console.print(f"wanted: at most {WANTED} %")
    sys.exit(most > WANTED)


if __name__ == "__main__":
    main()
