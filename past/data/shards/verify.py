"""Reading a set of shards to the last byte, and saying what is wrong with it."""

import hashlib
import io
import os
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from past.base.errors import DataError
from past.base.foreign.encoded import open_encoded
from past.data.shards.cell_format import sample_key
from past.data.shards.entries import Shard
from past.data.shards.index import INDEX, ShardIndex
from past.data.shards.records import RawCell, SlideRecord
from past.data.shards.settings import SETTINGS
from past.data.shards.slide_format import format_of, unit
from past.data.shards.tar import TarReader

SHOWN = 5  # faults told of one shard
SMALL = 5_000  # samples that are read sooner than processes start


@dataclass(frozen=True)
class _Task:
    """One shard to check: its first cell's position in its section, what the index says of that, and the rows to read.

    `rows` None: every byte.
    """

    root: str
    shard: Shard
    first: int
    genes: int
    settings: dict[str, object]
    facts: dict[str, object]
    rows: tuple[int, ...] | None


def summary(index: ShardIndex) -> dict[str, int]:
    """Return what is there as numbers: cells or slides, sections, patients, shards, genes, bytes (of all shards)."""
    return {
        unit(index.settings): index.samples,
        "sections": len({shard.section for shard in index.shards}),
        "patients": len(index.patients),
        "shards": len(index.shards),
        "genes": len(index.genes),
        "bytes": sum(shard.bytes for shard in index.shards),
    }


def verify(
    index: ShardIndex,
    *,
    sample: float = 1.0,
    seed: int | None = None,
    workers: int | None = None,
    report: Callable[[], object] = lambda: None,
) -> list[str]:
    """Check a set of shards against its index; return its faults, a sentence each, naming the shard.

    Args:
        index: as read from a local directory.
        sample: share of the samples to read, picked at random; below 1 the shards' hashes are not checked.
        seed: of that choice; None: another one every time.
        workers: processes; None: one a core, where it is worth it.
        report: called after each shard.
    """
    faults = _check_set(index)
    rows = _pick(index, sample, seed) if sample < 1 else None
    done: dict[str, int] = defaultdict(int)
    tasks = []
    for shard in index.shards:
        picked = None if rows is None else tuple(rows[shard.name])
        facts = index.sections.get(shard.section, {})
        tasks.append(_Task(index.root, shard, done[shard.section], len(index.genes), index.settings, facts, picked))
        done[shard.section] += shard.samples
    samples = index.samples if rows is None else sum(map(len, rows.values()))
    for found in _run(tasks, workers or (os.cpu_count() or 1 if samples > SMALL else 1)):
        faults += found
        report()
    return faults


def _pick(index: ShardIndex, share: float, seed: int | None) -> dict[str, list[int]]:
    """Return rows by shard: that share of all samples, at least one."""
    wanted = min(max(1, round(index.samples * share)), index.samples)
    chosen = iter(sorted(random.Random(seed).sample(range(index.samples), wanted)))
    rows: dict[str, list[int]] = defaultdict(list)
    start, place = 0, next(chosen, None)
    for shard in index.shards:
        while place is not None and place < start + shard.samples:
            rows[shard.name].append(place - start)
            place = next(chosen, None)
        start += shard.samples
    return rows


def _run(tasks: Sequence[_Task], workers: int) -> Iterator[list[str]]:
    if min(workers, len(tasks)) <= 1:
        yield from map(_check_shard, tasks)
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context("spawn")) as pool:
        for future in as_completed([pool.submit(_check_shard, task) for task in tasks]):
            yield future.result()


def _check_set(index: ShardIndex) -> list[str]:
    """Return what is wrong with the directory as a whole."""
    root = Path(index.root)
    counted = Counter(shard.name for shard in index.shards)
    faults = [f"{name}: the index counts it {times} times" for name, times in counted.items() if times > 1]
    for path in sorted(root.iterdir()):
        known = path.name in counted or path.name in (INDEX, SETTINGS) or path.is_dir() or path.name.startswith(".")
        if not known:
            faults.append(
                f"{path.name}: lies in {root} and no index counts it: 'past shards merge {root}', or remove it"
            )
    if not index.shards:
        faults.append(f"{root}: its index counts no shards: write them again")
    samples, what = Counter[str](), unit(index.settings)
    for shard in index.shards:
        samples[shard.section] += shard.samples
        patient = index.sections.get(shard.section, {}).get("patient")
        if shard.patients != (patient,):
            faults.append(f"{shard.name}: is of patient {', '.join(shard.patients)}, its section of {patient}")
    for name, facts in index.sections.items():
        if facts.get(what) != samples[name]:
            faults.append(f"section {name}: should have {facts.get(what)} {what}, its shards have {samples[name]}")
    return faults


def _check_shard(task: _Task) -> list[str]:
    """Return what is wrong with one shard."""
    shard, path = task.shard, Path(task.root) / task.shard.name
    try:
        size = path.stat().st_size
        if size != shard.bytes:
            return [f"{shard.name}: {size:,} bytes, the index says {shard.bytes:,}: cut off or changed; copy it again"]
        faults = []
        if task.rows is None:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != shard.sha256:
                    faults.append(f"{shard.name}: its bytes do not match the index's hash: changed or damaged")
        with path.open("rb") as file:
            faults += _check_samples(task, TarReader(file, shard.name, task.genes, format_of(task.settings)))
    except OSError as error:
        return [f"{shard.name}: cannot be read ({error.strerror})"]
    more = len(faults) - SHOWN
    return faults if more <= 0 else [*faults[:SHOWN], f"{shard.name}: and {more} more"]


def _check_samples(task: _Task, reader: TarReader) -> Iterator[str]:
    shard = task.shard
    rows = range(shard.samples) if task.rows is None else task.rows
    for row in rows:
        try:
            reader.skip(row - reader.samples)
            sample = reader.read()
            if sample is None:
                yield f"{shard.name}: ends after {row} samples, the index counts {shard.samples}"
                return
            yield from (f"{shard.name}: sample {sample.key}: {fault}" for fault in _check_sample(task, row, sample))
        except DataError as error:
            yield str(error)
            if reader.ended:
                return
    if task.rows is None and not reader.ended and reader.read() is not None:
        yield f"{shard.name}: has more samples than the {shard.samples} that the index counts"


def _check_sample(task: _Task, row: int, sample: RawCell | SlideRecord) -> Iterator[str]:
    wanted = sample_key(task.shard.section, task.first + row)
    if sample.key != wanted:
        yield f"should be {wanted}"
    for word, value in (("section", task.shard.section), ("patient", task.shard.patients[0])):
        if sample.meta[word] != value:
            yield f"is of {word} {sample.meta[word]!r}, its shard of {value!r}"
    for word in ("organ", "technology", "species"):
        if sample.meta[word] != task.facts.get(word):
            yield f"is of {word} {sample.meta[word]!r}, the index says {task.facts.get(word)!r}"
    if isinstance(sample, RawCell):
        yield from _check_image(sample, task.settings["px"])
    elif sample.features.shape[1] != task.settings["width"]:
        yield f"its features are {sample.features.shape[1]} wide, the index says {task.settings['width']}"


def _check_image(sample: RawCell, px: object) -> Iterator[str]:
    try:
        with open_encoded(io.BytesIO(sample.image)) as image:
            if image.size != (px, px):
                yield f"its image claims {image.width} × {image.height} px, not {px} × {px}"
            else:
                image.load()
    except Exception as error:  # noqa: BLE001 (each decoder raises its own)
        yield f"its image does not decode ({error})"
