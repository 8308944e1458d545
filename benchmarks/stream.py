"""What the stream is worth: cells/s beside the published data set's way, bare decoding and a pipeline of one's own.

All within one run, on the same 224 px crops with eight neighbours; ratios are what counts. Prints a table, where the
time goes, what three readers of the same shards take for a sample, and what a plan of twenty million cells costs. The
set is simulated once, into bench/.
"""

import argparse
import io
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2
from webdataset.compat import WebDataset

from past.data.shards import Shards
from past.data.shards.index import ShardIndex
from past.data.shards.records import RawCell
from past.data.shards.tar import TarReader
from past.data.stream.agreement import Agreement
from past.data.stream.loader import RankReader
from past.data.stream.plan import Reading, plan_epoch
from past.data.stream.stream import shard_stream
from past.models.past.samples.batches import BatchMaker
from past.models.past.samples.statistics import gene_statistics
from past.models.past.samples.tokens import Tokenizer

SIDE, CONTEXT, NEIGHBOURS, TILE = 224, 300, 8, 1024
PUBLISHED, BARE, OURS = "the published data set's way", "bare JPEG decoding", "ours, one process"
TO_FLOAT = v2.Compose(
    [
        v2.Resize(SIDE),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
)
NORMALISE = v2.Compose([v2.PILToTensor(), TO_FLOAT])


def simulated(folder: Path, cells: int) -> ShardIndex:
    """Return a simulated set of two sections, made unless it is there."""
    root = folder / f"cells-{cells}"
    program = [sys.executable, "-c", "from past.cli.app import main; main()", "shards", "synthetic"]
    counts = ["--patients", "2", "--cells", str(cells // 2), "--px", str(SIDE), "--neighbours", str(NEIGHBOURS)]
    subprocess.run([*program, "--out", str(root), *counts], check=True)
    return ShardIndex.read(root)


def many_times(index: ShardIndex, times: int) -> ShardIndex:
    """Return the set with every shard there `times` times, as links: a long epoch of few bytes on disk."""
    shards = []
    for shard in index.shards:
        for i in range(times):
            name = f"{Path(shard.name).stem}-{i:03d}.tar"
            link = Path(index.root, name)
            link.unlink(missing_ok=True)
            os.link(Path(index.root, shard.name), link)
            shards.append(replace(shard, name=name))
    return replace(index, shards=tuple(shards))


class PublishedWay:
    """A transcription of how the published data set is read: HDF5 rows key by key, a crop from a tiled slide.

    For a random cell: its row of every key, one by one; the same for each of its neighbours; its crop from the JPEG
    tiles of 1024 px (Xenium's) that it touches; resized and normalised in float on the CPU.
    """

    def __init__(self, path: Path, cells: list[RawCell], tokens: np.ndarray) -> None:
        rng, n = np.random.default_rng(0), len(cells)
        columns = int(np.ceil(np.sqrt(n)))
        slide = np.zeros((SIDE * columns, SIDE * columns, 3), np.uint8)
        self.corners = [(i // columns * SIDE, i % columns * SIDE) for i in range(n)]
        for (y, x), cell in zip(self.corners, cells, strict=True):
            slide[y : y + SIDE, x : x + SIDE] = np.asarray(Image.open(io.BytesIO(cell.image)))
        with h5py.File(path, "w") as file:
            file.create_dataset("gene_tokens", data=tokens, compression="gzip")
            file.create_dataset("neighbours", data=rng.integers(0, n, (n, NEIGHBOURS)), compression="gzip")
            file.create_dataset("distances", data=rng.random((n, NEIGHBOURS)), compression="gzip")
            for key in ("x", "y", "modality", "assay", "species", "section"):
                file.create_dataset(key, data=rng.random(n), compression="gzip")
        self.tiles: dict[tuple[int, int], tuple[int, int]] = {}
        with path.with_suffix(".tiles").open("wb") as tiles:
            for y in range(0, len(slide), TILE):
                for x in range(0, len(slide), TILE):
                    body = io.BytesIO()
                    Image.fromarray(slide[y : y + TILE, x : x + TILE]).save(body, "JPEG", quality=90)
                    self.tiles[y // TILE, x // TILE] = (tiles.tell(), tiles.write(body.getvalue()))
        self.rows: dict[str, Any] = dict(h5py.File(path).items())  # by key, data sets of a row a cell
        self.slide = path.with_suffix(".tiles").open("rb")

    def crop(self, y: int, x: int) -> Image.Image:
        """Return the crop whose upper left corner is at (y, x)."""
        out = Image.new("RGB", (SIDE, SIDE))
        for row in range(y // TILE, (y + SIDE - 1) // TILE + 1):
            for column in range(x // TILE, (x + SIDE - 1) // TILE + 1):
                start, size = self.tiles[row, column]
                self.slide.seek(start)
                tile = Image.open(io.BytesIO(self.slide.read(size)))
                out.paste(tile, (column * TILE - x, row * TILE - y))
        return out

    def __call__(self, cells: int) -> int:
        """Read random cells; return how many."""
        for i in np.random.default_rng(1).integers(0, len(self.corners), cells):
            row = {key: dataset[i] for key, dataset in self.rows.items()}
            row["around"] = [{key: dataset[j] for key, dataset in self.rows.items()} for j in row["neighbours"]]
            row["image"] = NORMALISE(self.crop(*self.corners[i]))
        return cells


def own_pipeline(index: ShardIndex, mean: np.ndarray) -> Iterator[object]:
    """What one writes in twenty lines over `Shards.webdataset`: tokenise row by row, normalise in float, batch."""

    def sample(cell: dict[str, Any]) -> tuple[torch.Tensor, np.ndarray]:
        tokens = np.ones((1 + NEIGHBOURS, CONTEXT), np.int64)
        offsets = cell["offsets"]
        for row in range(len(offsets) - 1):
            genes = cell["genes"][offsets[row] : offsets[row + 1]]
            counts = cell["counts"][offsets[row] : offsets[row + 1]].astype(float)
            over = counts * 10_000 / counts.sum() / mean[genes]
            order = np.argsort(-over, kind="stable")[:CONTEXT]
            tokens[row, : len(order)] = genes[order] + 30
        return TO_FLOAT(cell["image"]), tokens

    pipeline: Any = Shards(index.root).webdataset(shuffle=1_000)
    return iter(pipeline.map(sample).batched(64))


def read_strictly(index: ShardIndex) -> Iterator[object]:
    """Our own reader: every header, array and description checked."""
    for shard in index.shards:
        with Path(index.root, shard.name).open("rb") as file:
            yield from iter(TarReader(file, shard.name, len(index.genes)).read, None)


def read_by_webdataset(index: ShardIndex) -> Iterator[object]:
    """WebDataset's reader, NumPy's, and JSON's; nothing checked."""
    urls = [str(Path(index.root, shard.name)) for shard in index.shards]
    for parts in WebDataset(urls, shardshuffle=False):
        with np.load(io.BytesIO(parts["npz"]), allow_pickle=False) as arrays:
            yield parts["jpg"], dict(arrays), json.loads(parts["json"])


def read_by_tarfile(index: ShardIndex) -> Iterator[object]:
    """The standard library's reader, NumPy's, and JSON's; nothing checked."""
    for shard in index.shards:
        with tarfile.open(Path(index.root, shard.name)) as tar:
            members: Iterator[IO[bytes]] = (file for member in tar if (file := tar.extractfile(member)) is not None)
            for image, npz, meta in zip(members, members, members, strict=True):
                with np.load(io.BytesIO(npz.read()), allow_pickle=False) as arrays:
                    yield image.read(), dict(arrays), json.load(meta)


READERS: dict[str, Callable[[ShardIndex], Iterator[object]]] = {
    "ours, with all checks": read_strictly,
    "WebDataset's + np.load": read_by_webdataset,
    "tarfile + np.load": read_by_tarfile,
}


def rate(cells: int, read: Callable[[], object], rounds: int) -> float:
    """Return cells a second of this process's own processor time, the best of `rounds`: others may be busy."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        read()
        best = min(best, time.process_time() - began)
    return cells / best


def read_times(index: ShardIndex, rounds: int) -> dict[str, float]:
    """Return the µs a sample of every reader, the best of rounds in which they take turns."""
    best = dict.fromkeys(READERS, float("inf"))
    for _ in range(rounds):
        for name, read in READERS.items():
            best[name] = min(best[name], 1e6 / rate(index.samples, partial(exhaust_reader, read, index), 1))
    return best


def exhaust_reader(read: Callable[[ShardIndex], Iterator[object]], index: ShardIndex) -> None:
    """Read a set to its end."""
    exhaust(read(index))


def exhaust(batches: Iterator[object]) -> None:
    """Read to the end."""
    for _ in batches:
        pass


def decode_all(encoded: list[torch.Tensor]) -> None:
    """Decode, and keep nothing."""
    for image in encoded:
        decode_jpeg(image, mode=ImageReadMode.RGB)


def rates(index: ShardIndex, reader: RankReader, folder: Path, rounds: int) -> dict[str, float]:
    """Return cells/s of every way, in one process."""
    make, reading = reader.collate, reader.reading
    assert isinstance(make, BatchMaker)
    mean = next(iter(gene_statistics(index).technology_mean.values()))
    raw = list(shard_stream(index, rank=0, seed=0, reading=reading))
    cells = [cell for batch in raw for cell in batch.samples]
    encoded = [torch.frombuffer(bytearray(cell.image), dtype=torch.uint8) for cell in cells]
    published = PublishedWay(
        folder / "published.h5", cells, np.concatenate([make.tokenizer(b.samples).tokens[:, 0] for b in raw])
    )
    n = len(cells)
    return {
        PUBLISHED: rate(100, lambda: published(100), rounds),
        "a pipeline of one's own over Shards.webdataset": rate(n, lambda: exhaust(own_pipeline(index, mean)), rounds),
        BARE: rate(n, lambda: decode_all(encoded), rounds),
        OURS: rate(n, lambda: exhaust(reader.read(0)), rounds),
        "  of it reading and checking": rate(
            n, lambda: exhaust(shard_stream(index, rank=0, seed=0, reading=reading)), rounds
        ),
        "  of it tokens": rate(n, lambda: exhaust(make.tokenizer(batch.samples) for batch in raw), rounds),
        "  of it decoding, copying, tokens": rate(n, lambda: exhaust(make(batch, 0) for batch in raw), rounds),
    }


def steady(reader: RankReader) -> tuple[float, list[float]]:
    """Return cells/s of worker processes once they run, and a worker's memory (MB) along the epoch."""
    batches, memory, cells = reader.read(0), [], 0
    next(batches)
    began = time.perf_counter()
    for number, batch in enumerate(batches):
        cells += len(batch)
        if number % 25 == 0 and (workers := multiprocessing.active_children()):
            memory.append(anonymous(workers[0].pid))
    return cells / (time.perf_counter() - began), memory


def anonymous(process: int | None) -> float:
    """Return a process's own memory, MB, without files and what it shares."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("RssAnon"))


def plan_twenty_million() -> dict[str, float]:
    """Return the seconds that 64 plans, their whole order and a resume take, and the memory beyond the imports."""
    sizes, reading = [2_000] * 10_000, Reading(64, 48)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    began = time.perf_counter()
    plans = [plan_epoch(sizes, seed=0, epoch=0, rank=rank, reading=reading) for rank in range(64)]
    planned = time.perf_counter()
    seen = np.zeros((10_000, 2_000), bool)
    for plan in plans:
        for _, group in plan.groups():
            seen[np.array([piece.shard for piece in group.pieces])[group.piece], group.sample] = True
    assert seen.all()
    ordered = time.perf_counter()
    plan = plan_epoch(sizes, seed=0, epoch=0, rank=5, reading=reading)
    next(plan.groups(plan.first(int(0.73 * plan.batches))))
    return {
        "64 ranks planned, s": planned - began,
        "every sample's place, all ranks, s": ordered - planned,
        "a rank's resume at 73 %, s": time.perf_counter() - ordered,
        "memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3 - before,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("bench/stream"))
    parser.add_argument("--cells", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    plan = plan_twenty_million()
    index = simulated(options.folder, options.cells)
    means = gene_statistics(index).technology_mean
    make = BatchMaker(Tokenizer(index.genes, index.genes, means, CONTEXT, NEIGHBOURS), SIDE)
    reader = RankReader(index, make, Reading(), rank=0, seed=0, workers=0, agreement=Agreement())
    found = rates(index, reader, options.folder, options.rounds)
    readers = read_times(index, 4 * options.rounds)
    long = replace(reader, index=many_times(index, 10))
    pairs = [(steady(replace(long, workers=1)), steady(replace(long, workers=2))) for _ in range(options.rounds)]
    memory = pairs[0][0][1]
    # in turns, and the middle pair: neither side alone may meet a busy moment of the machine
    one, two = sorted(((one[0], two[0]) for one, two in pairs), key=lambda pair: pair[1] / pair[0])[len(pairs) // 2]
    found |= {"ours, one worker": one, "ours, two workers": two}

    table = Table("way", "cells/s", "µs a cell", title=f"{SIDE} px crops with {NEIGHBOURS} neighbours")
    for name, value in found.items():
        table.add_row(name, f"{value:,.0f}", f"{1e6 / value:,.0f}")
    wanted = Table("ratio", "is", "wanted")
    wanted.add_row("ours / the published way", f"{found[OURS] / found[PUBLISHED]:.0f}", "≥ 40")
    wanted.add_row("ours / bare decoding", f"{found[OURS] / found[BARE]:.2f}", "≥ 0.5")
    wanted.add_row("two workers / one", f"{two / one:.2f}", "≥ 1.7")
    quarter = memory[len(memory) // 4]
    wanted.add_row(
        "a worker's memory, at the end / after a quarter", f"{memory[-1] / quarter:.2f} of {quarter:.0f} MB", "1"
    )
    ours, *others = readers.values()
    for name, value in zip(list(READERS)[1:], others, strict=True):
        wanted.add_row(f"a sample read, {name} / ours", f"{value / ours:.1f}: {value:.0f} of {ours:.0f} µs", "")
    for name, value in plan.items():
        wanted.add_row(f"plan of 20 million: {name}", f"{value:.2f}", "")
    console = Console()
    console.print(table, wanted)


if __name__ == "__main__":
    main()
