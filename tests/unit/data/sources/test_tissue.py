"""A section in memory: its cells as records, with their crops, neighbours and places."""

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.data.shards.records import Section
from past.data.sources.tissue import TissueSection

ABOUT = Section("S", "P", "breast", "Xenium", "Homo sapiens")
PIXELS = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
COUNTS = np.array([[1, 0, 2], [0, 3, 0], [4, 5, 6]])


@pytest.fixture
def tissue() -> TissueSection:
    """Three cells on a line: 10 px from the first to the second, 20 px from there to the third."""
    centres = np.array([[10.0, 20.0], [20.0, 20.0], [40.0, 20.0]])
    image = Image.fromarray(PIXELS)
    return TissueSection(ABOUT, image, 0.5, centres, csr_matrix(COUNTS), ["a", "b", "c"], ["t", "t", "f"])


def test_a_record_is_the_cell_then_its_neighbours_nearest_first(tissue: TissueSection) -> None:
    a, b, c = tissue.records(px=4, mpp=None, neighbours=2)
    assert len(tissue) == 3
    assert [(one.name, one.cell_type, one.mpp) for one in (a, b, c)] == [
        ("a", "t", 0.5),
        ("b", "t", 0.5),
        ("c", "f", 0.5),
    ]
    assert b.offsets.tolist() == [0, 1, 3, 6]  # b, then a, then c
    assert b.genes.tolist() == [1, 0, 2, 0, 1, 2]
    assert b.counts.tolist() == [3, 1, 2, 4, 5, 6]
    assert b.positions.tolist() == [[10, 10], [5, 10], [20, 10]]  # µm
    assert c.positions.tolist() == [[20, 10], [10, 10], [5, 10]]


def test_a_crop_has_the_cell_in_its_middle(tissue: TissueSection) -> None:
    crops = [record.crop for record in tissue.records(px=4, mpp=None, neighbours=0)]
    np.testing.assert_array_equal(crops[0], PIXELS[18:22, 8:12])
    np.testing.assert_array_equal(crops[2], PIXELS[18:22, 38:42])


def test_a_coarser_crop_is_of_the_same_place(tissue: TissueSection) -> None:
    record = next(tissue.records(px=4, mpp=1.0, neighbours=0))
    assert record.mpp == 1.0
    near = np.asarray(Image.fromarray(PIXELS).resize((4, 4), Image.Resampling.LANCZOS, box=(6, 16, 14, 24)))
    np.testing.assert_array_equal(record.crop, near)


def test_records_start_where_a_killed_writer_stopped(tissue: TissueSection) -> None:
    assert [record.name for record in tissue.records(px=4, mpp=None, neighbours=5, start=1)] == ["b", "c"]
    last = next(tissue.records(px=4, mpp=None, neighbours=5, start=2))
    assert len(last.positions) == 3  # as many neighbours as there are


def test_cells_outside_the_image_are_found(tissue: TissueSection) -> None:
    tissue.centres[1] = (70, 20)
    with pytest.raises(DataError, match="S: 1 of 3 spots lie outside the 60 × 40 px image"):
        tissue.check()
