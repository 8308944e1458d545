"""Writing shards: any number of writers side by side, each of which may be killed at any moment.

A shard counts when its section's progress names it, and that is rewritten after each shard; a writer goes on after the
last one that counts, and the bytes are those of a writer that was never stopped.
"""

import hashlib
import itertools
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from past.base.errors import DataError
from past.base.files import atomic_file
from past.base.genes import gene_hash
from past.data.shards.cell_format import encode_sample, sample_key, shard_name
from past.data.shards.entries import Shard
from past.data.shards.records import CellRecord, Samples, SampleSource, Section, SlideRecord
from past.data.shards.settings import SectionProgress, ShardSettings, claim_settings
from past.data.shards.slide_format import encode_slide, unit

if TYPE_CHECKING:
    from webdataset.writer import TarWriter

Report = Callable[[str, int, int], None]  # told (section, cells done, cells in all) as the writing goes on


class CountedFile:
    """A file for writing that counts and hashes what passes."""

    def __init__(self, file: BinaryIO) -> None:
        self.bytes = 0
        self.sha256 = hashlib.sha256()
        self._file = file

    def write(self, content: bytes) -> int:
        """Pass the content on."""
        self.bytes += len(content)
        self.sha256.update(content)
        return self._file.write(content)


def tar_writer(file: CountedFile) -> "TarWriter":
    """Return WebDataset's writer of USTAR files, with nothing of this machine in the headers: time, owner, group 0."""
    from webdataset.writer import TarWriter  # imports torch, which takes seconds: not for those who only ask for --help

    return TarWriter(
        cast("BinaryIO", file), user="", group="", mode=0o644, mtime=0, encoder=False, format=tarfile.USTAR_FORMAT
    )


def add_members(tar: "TarWriter", members: Iterable[tuple[str, bytes]]) -> None:
    """Add a sample's members (name, bytes) in their order; given as one sample, they would be sorted by extension."""
    for name, content in members:
        key, _, extension = name.rpartition(".")
        tar.write({"__key__": key, extension: content})


def write_shard(
    path: Path, records: Iterable[CellRecord | SlideRecord], section: Section, first: int, genes: int, image_format: str
) -> Shard:
    """Write one shard; it is there whole or not at all.

    Args:
        path: its file.
        records: its cells in the section's order, or the section as a slide.
        section: what is known of the section.
        first: position of the first of them in the section.
        genes: length of the set's gene list.
        image_format: `jpg`, `webp` or `png`.

    Raises:
        NoSpaceError: the disk is full.
        OSError: it does not let us.
    """
    samples = 0
    with atomic_file(path) as file:
        counted = CountedFile(file)
        with tar_writer(counted) as tar:
            for samples, record in enumerate(records, start=1):
                key = sample_key(section.section, first + samples - 1)
                if isinstance(record, SlideRecord):
                    members = encode_slide(record, genes)
                else:
                    members = encode_sample(record, section, key, genes, image_format)
                add_members(tar, members)
    return Shard(path.name, samples, counted.bytes, counted.sha256.hexdigest(), section.section, (section.patient,))


def write_section(
    root: Path, source: SampleSource, settings: ShardSettings, genes: Sequence[str], report: Report
) -> SectionProgress:
    """Write a section's shards into `root`, from where an earlier writer stopped; nothing to do where it is complete.

    Raises:
        DataError: the section cannot be read, or `root` holds one of this name from another source.
        NoSpaceError: the disk is full; what is finished is safe.
    """
    path = SectionProgress.path(root, source.name)
    progress = SectionProgress.read(path) if path.exists() else SectionProgress(source.name)
    origin = source.origin()
    if progress.origin and progress.origin != origin:
        raise DataError(f"{root}: holds section {source.name} from another source than this one: use another --out")
    if progress.complete and all(_is_there(root, shard) for shard in progress.shards):
        cells = sum(shard.samples for shard in progress.shards)
        report(source.name, cells, cells)
        return progress
    tissue = source.open(genes)
    tissue.check()
    claim_settings(root, settings, genes)
    facts = {**asdict(tissue.section), unit(asdict(settings)): len(tissue), **tissue.facts, "source": origin}
    facts.pop("section")
    progress = replace(progress, origin=origin, settings=asdict(settings), genes_hash=gene_hash(genes), facts=facts)
    try:
        return _write_rest(root, tissue, settings, len(genes), progress, report)
    except OSError as error:
        done = SectionProgress.read(path).shards if path.exists() else ()
        raise DataError(
            f"{root}: section {source.name} cannot be written ({error.strerror}); its {len(done)} finished shards "
            "are safe: mend that and run the same command again"
        ) from error


def _write_rest(
    root: Path, tissue: Samples, settings: ShardSettings, genes: int, progress: SectionProgress, report: Report
) -> SectionProgress:
    """Write the shards that are still missing, and count each as it is done."""
    name = progress.name
    there = itertools.takewhile(lambda shard: _is_there(root, shard), progress.shards)
    progress = replace(progress, complete=False, shards=tuple(there))
    done = sum(shard.samples for shard in progress.shards)
    records = tissue.records(px=settings.px, mpp=settings.mpp, neighbours=settings.neighbours, start=done)
    report(name, done, len(tissue))
    while done < len(tissue):
        path = root / shard_name(name, len(progress.shards))
        batch = itertools.islice(records, settings.cells_per_shard)
        shard = write_shard(path, batch, tissue.section, done, genes, settings.image_format)
        done += shard.samples
        progress = replace(progress, shards=(*progress.shards, shard))
        progress.save(root)
        report(name, done, len(tissue))
    progress = replace(progress, complete=True)
    progress.save(root)
    return progress


def _is_there(root: Path, shard: Shard) -> bool:
    path = root / shard.name
    return path.is_file() and path.stat().st_size == shard.bytes
