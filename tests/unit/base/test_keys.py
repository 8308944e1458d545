"""The names that cross a file's border are those of files that are out there: changing one breaks them."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from past.base.keys import Keys, Members
from past.data.shards.index import ShardIndex

BEFORE = Path(__file__).parents[2] / "fixtures" / "before_rooms"
SPARSE = {Members.GENES, Members.COUNTS, Members.OFFSETS}


@pytest.mark.parametrize(
    ("kind", "images", "arrays"),
    [
        ("cells", set(Members.IMAGES), SPARSE | {Members.POSITIONS}),
        ("slides", set(), SPARSE | {Members.FEATURES, Members.COORDS}),
    ],
)
def test_a_shard_of_an_earlier_version_has_these_members(kind: str, images: set[str], arrays: set[str]) -> None:
    with tarfile.open(BEFORE / kind / ShardIndex.read(BEFORE / kind).shards[0].name) as tar:
        for member in tar:
            ending = member.name.rsplit(".", 1)[1]
            assert ending in images | {Members.ARRAYS, Members.META}
            if ending == Members.ARRAYS:
                with np.load(tar.extractfile(member), allow_pickle=False) as found:  # type: ignore[arg-type]
                    assert set(found.files) == arrays


def test_slots_are_those_of_scanpy_and_hest() -> None:
    assert (Keys.SPATIAL, Keys.META, Keys.PAST, Keys.CELL_TYPE) == ("spatial", "meta", "past", "cell_type")
