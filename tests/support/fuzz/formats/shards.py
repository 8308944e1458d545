"""Shards and what lies beside them."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from shards import GENES, members, tar_of, write_set
from slide_shards import GENES as SLIDE_GENES
from slide_shards import WIDTH, slide

from fuzz import archives, pictures, texts
from fuzz.case import Contents, Format
from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import INDEX, ShardIndex
from past.data.shards.merge import merge
from past.data.shards.settings import SectionProgress
from past.data.shards.shards import Shards
from past.data.shards.slide_format import encode_slide, holds_slides
from past.data.shards.slides import SlideSet
from past.data.shards.splits import split_patients
from past.data.shards.verify import summary, verify

SET = ("S0-000000.tar", "S1-000000.tar", INDEX)
ABOUT = {"patient": "P0", "organ": "breast", "technology": "Xenium", "species": "Homo sapiens"}
IMAGES = ("jpg", "png", "webp")


def _cells() -> Contents:
    """An index and two shards."""
    with TemporaryDirectory() as folder:
        write_set(Path(folder), [3, 2], image_format="jpg")
        return {name: (Path(folder) / name).read_bytes() for name in SET}


def _sample() -> Contents:
    """An index, and a sample of each kind of image in pieces."""
    shard = Shard(SET[0], 3, 10_000, "0" * 64, "S0", ("P0",))
    index = ShardIndex(GENES, (shard,), {"px": 16, "mpp": 0.5, "neighbours": 2}, {"S0": ABOUT | {"cells": 3}})
    pieces = {INDEX: index.to_json().encode()}
    for number, image_format in enumerate(IMAGES):
        pieces |= members(number, image_format=image_format)
    return pieces


def _slides() -> Contents:
    settings = {"encoder": "planted", "width": WIDTH, "px": 16, "mpp": 0.5}
    shard = Shard(SET[0], 1, 10_000, "0" * 64, "S0", ("S",))
    index = ShardIndex(SLIDE_GENES, (shard,), settings, {"S0": ABOUT | {"slides": 1}})
    return {INDEX: index.to_json().encode(), **dict(encode_slide(slide("S0", 12, 0), len(SLIDE_GENES)))}


def _packed(pieces: Contents) -> Contents:
    """The samples' members in one shard."""
    shard = tar_of({name: body for name, body in pieces.items() if name != INDEX})
    index = pieces[INDEX].replace(b'"bytes": 10000', b'"bytes": %d' % len(shard))  # which opening a shard compares
    return {INDEX: index, SET[0]: shard}


def _writing() -> Contents:
    """A set in the making."""
    pieces = _cells()
    index = ShardIndex.from_json(pieces[INDEX].decode(), "")
    settings = {"settings": index.settings, "genes": index.genes, "genes_hash": index.genes_hash}
    pieces["settings.json"] = json.dumps(settings).encode()
    del pieces[INDEX]
    for shard in index.shards:
        facts = ABOUT | {"cells": shard.samples, "patient": shard.patients[0]}
        progress = SectionProgress(
            shard.section, True, {"file": shard.section}, index.settings, index.genes_hash, facts, (shard,)
        )
        pieces[f"sections/{shard.section}.json"] = progress.to_json().encode()
    return pieces


def read_index(folder: Path) -> None:
    """Open a set and share its patients out."""
    index = ShardIndex.read(folder)
    summary(index)
    holds_slides(index.settings)
    split_patients(index, 0.5)


def read_cells(folder: Path) -> None:
    """Read every sample and decode it; as training does, the second is read after one that is broken."""
    shards = Shards(folder)
    for sample in shards.webdataset():
        sample["image"].sum()


def read_slides(folder: Path) -> None:
    """Read every slide and its counts."""
    slides = SlideSet.open(folder)
    for record in slides:
        slides.counts(record).sum()


def verify_all(folder: Path) -> None:
    """Check a set to the last byte; its faults are sentences too."""
    faults = verify(ShardIndex.read(folder))
    if faults:
        raise DataError(max(faults, key=lambda fault: (not fault.isprintable(), len(fault))))


def _ending(make, *endings: str) -> list[str]:
    return [name for name in make() if name.endswith(endings)]


FORMATS = {
    "index": Format(_cells, read_index, {INDEX: [texts.json_of]}, 1_500, damage=0.3),
    "shard": Format(_cells, read_cells, {key: [archives.tar_of] for key in SET[:2]}, 2_000),
    "cell_npz": Format(
        _sample, read_cells, {key: [archives.npz_of, archives.zip_headers] for key in _ending(_sample, ".npz")}, 2_000,
        _packed,
    ),
    "cell_json": Format(
        _sample, read_cells, {key: [texts.json_of] for key in _ending(_sample, "0.json")}, 1_500, _packed, 0.3
    ),
    "cell_image": Format(
        _sample, read_cells, {key: [pictures.picture_of] for key in _ending(_sample, *IMAGES)}, 1_500, _packed
    ),
    "slide_shard": Format(
        _slides, read_slides,
        {"S0_0000000.npz": [archives.npz_of, archives.zip_headers], "S0_0000000.json": [texts.json_of]}, 2_000, _packed,
    ),
    "verify": Format(
        _cells, verify_all, {INDEX: [texts.json_of], SET[0]: [archives.tar_of]}, 1_000, damage=0.4
    ),
    "merge": Format(
        _writing, merge,
        {"settings.json": [texts.json_of], "sections/S0.json": [texts.json_of], "sections/S1.json": [texts.json_of]},
        1_000, damage=0.3,
    ),
}  # fmt: skip
