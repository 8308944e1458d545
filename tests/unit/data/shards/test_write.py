"""One shard's bytes: those of the writer that wrote the first shards, whoever writes them."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from shards import samples_of

from past.data.shards.cell_format import encode_sample
from past.data.shards.index import ShardIndex
from past.data.shards.records import CellRecord, Section
from past.data.shards.slides import SlideSet
from past.data.shards.write import CountedFile, add_members, tar_writer, write_shard


def read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def members_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: read_member(tar, member) for member in tar}


BEFORE = Path(__file__).parents[3] / "fixtures" / "before_rooms"  # written by an earlier version's own tar writer


@pytest.mark.parametrize("shard", ShardIndex.read(BEFORE / "cells").shards, ids=lambda shard: shard.section)
def test_the_same_members_give_the_bytes_of_the_writer_before_this_one(shard):
    file = io.BytesIO()
    counted = CountedFile(file)
    with tar_writer(counted) as tar:
        add_members(tar, members_of(BEFORE / "cells" / shard.name).items())
    assert file.getvalue() == (BEFORE / "cells" / shard.name).read_bytes()
    assert (counted.bytes, counted.sha256.hexdigest()) == (shard.bytes, shard.sha256)


def test_the_same_cells_give_the_members_of_the_writer_before_this_one():
    """All but the image: JPEG's bytes are those of a version of its library."""
    index = ShardIndex.read(BEFORE / "cells")
    old = members_of(BEFORE / "cells" / index.shards[0].name)
    cells = samples_of((BEFORE / "cells" / index.shards[0].name).read_bytes(), genes=len(index.genes))
    assert len(cells) == 14
    for cell in cells:
        about = Section(*(cell.meta[word] for word in ("section", "patient", "organ", "technology", "species")))
        arrays = (cell.genes, cell.counts, cell.offsets, cell.positions)
        pixels = np.zeros((2, 2, 3), np.uint8)
        record = CellRecord(cell.meta["cell"], pixels, cell.meta["mpp"], *arrays, cell.meta["cell_type"])
        new = dict(encode_sample(record, about, cell.key, len(index.genes), "jpg"))
        assert list(new) == [f"{cell.key}.jpg", f"{cell.key}.npz", f"{cell.key}.json"]
        for name in list(new)[1:]:
            assert new[name] == old[name]


def test_the_same_slides_give_the_shards_of_the_writer_before_this_one(tmp_path):
    slides = SlideSet.open(BEFORE / "slides")
    for shard, slide in zip(slides.index.shards, slides, strict=True):
        about = Section(*(slide.meta[word] for word in ("section", "patient", "organ", "technology", "species")))
        again = write_shard(tmp_path / shard.name, [slide], about, 0, len(slides.index.genes), "jpg")
        assert again == shard
        assert (tmp_path / shard.name).read_bytes() == (BEFORE / "slides" / shard.name).read_bytes()
