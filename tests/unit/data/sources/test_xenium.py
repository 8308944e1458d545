"""Xenium bundles in the official layout: places and counts as spatialdata-io's, every layout alike, bad ones named."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from platforms import (
    CONTROLS,
    GENES,
    PIXEL_SIZE,
    TURNED,
    a_bundle,
    stained,
    write_cells_zarr,
    write_ome_tiff,
    write_xenium,
)

from past.base.errors import DataError
from past.data.sources.platform import SectionOptions
from past.data.sources.xenium import XeniumSource, to_image

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
SYMBOLS = tuple(name for name, _ in GENES)
FULL = np.array([names for names, _ in [*GENES, *CONTROLS]])


@pytest.mark.parametrize("table", ["parquet", "csv.gz"])
@pytest.mark.parametrize("matrix", ["h5", "zarr.zip", "mtx"])
def test_every_layout_gives_the_written_places_and_counts(tmp_path: Path, table: str, matrix: str) -> None:
    bundle = a_bundle()
    source = XeniumSource(write_xenium(tmp_path / "run", bundle, table=table, matrix=matrix))
    assert source.genes() == SYMBOLS
    tissue = source.open(SYMBOLS)
    tissue.check()
    row_of = {name: i for i, name in enumerate(bundle.cells)}
    rows = [row_of[name] for name in tissue.names]
    assert sorted(rows) == list(range(len(bundle.cells)))
    np.testing.assert_allclose(tissue.centres, bundle.in_image[rows], atol=1e-6)
    np.testing.assert_array_equal(tissue.counts.toarray(), bundle.counts[rows, : len(GENES)])
    assert tissue.mpp == pytest.approx(PIXEL_SIZE * np.sqrt(0.48 * 0.52 + 0.31 * 0.29))
    assert tissue.facts["controls_dropped"] == len(CONTROLS)
    assert tissue.facts["min_quality_value"] == 20
    assert (tissue.section.technology, tissue.section.species, tissue.section.organ) == (
        "Xenium",
        "Homo sapiens",
        "Breast",
    )


def test_cells_and_counts_equal_those_of_spatialdata_io(tmp_path: Path) -> None:
    spatialdata_io = pytest.importorskip("spatialdata_io", reason="the extra 'spatial' is not installed")
    from spatialdata.transformations import get_transformation

    bundle = a_bundle()
    folder = write_xenium(tmp_path / "run", bundle)
    write_cells_zarr(folder / "cells.zarr.zip", bundle.cells)
    off = ("cells_boundaries", "nucleus_boundaries", "cells_labels", "nucleus_labels", "transcripts", "morphology_mip")
    theirs = spatialdata_io.xenium(
        folder, cells_as_circles=True, morphology_focus=False, aligned_images=False, **dict.fromkeys(off, False)
    )
    picture = spatialdata_io.xenium_aligned_image(
        folder / "test_he_image.ome.tif", folder / "test_he_imagealignment.csv"
    )
    circles = theirs["cell_circles"]
    places = np.c_[circles.geometry.x, circles.geometry.y, np.ones(len(circles))]
    to_global = get_transformation(circles, "global").to_affine_matrix(("x", "y"), ("x", "y"))
    from_picture = get_transformation(picture).to_affine_matrix(("x", "y"), ("x", "y"))
    theirs_in_image = (np.linalg.inv(from_picture) @ to_global @ places.T).T[:, :2]
    table = theirs["table"]
    tissue = XeniumSource(folder).open(tuple(table.var_names[: len(GENES)]))
    row_of = {name: i for i, name in enumerate(table.obs["cell_id"])}
    rows = [row_of[name] for name in tissue.names]
    np.testing.assert_allclose(tissue.centres, theirs_in_image[rows], atol=1e-6)
    np.testing.assert_array_equal(tissue.counts.toarray(), table[rows, list(SYMBOLS)].X.toarray())


def test_runs_before_version_1_3_number_their_cells(tmp_path: Path) -> None:
    bundle = a_bundle(12)
    bundle.cells = [str(number) for number in range(1, 13)]
    tissue = XeniumSource(write_xenium(tmp_path / "old", bundle, version="1.0.2")).open(SYMBOLS)
    assert sorted(tissue.names, key=int) == bundle.cells


def test_crops_show_the_nucleus_in_their_middle(tmp_path: Path) -> None:
    tissue = XeniumSource(write_xenium(tmp_path / "run", a_bundle())).open(SYMBOLS)
    for record in tissue.records(px=32, mpp=None, neighbours=2):
        assert np.abs(record.crop[16, 16].astype(int) - (92, 60, 140)).max() <= 2


def test_the_alignment_is_inverted() -> None:
    there = np.array([[10.0, 20.0], [0.0, 0.0]])
    forward = (np.c_[there, np.ones(2)] @ TURNED.T)[:, :2]
    np.testing.assert_allclose(to_image(forward, TURNED), there, atol=1e-9)


def test_cells_with_few_counts_are_left_out_and_counted(tmp_path: Path) -> None:
    bundle = a_bundle()
    folder = write_xenium(tmp_path / "run", bundle)
    enough = int((bundle.counts[:, : len(GENES)].sum(axis=1) >= 9).sum())
    tissue = XeniumSource(folder, SectionOptions(min_counts=9)).open(SYMBOLS)
    assert 0 < len(tissue) == enough < len(bundle.cells)
    assert tissue.facts["cells_dropped"] == len(bundle.cells) - enough


def _break(folder: Path, how: str) -> None:
    image, alignment = folder / "test_he_image.ome.tif", folder / "test_he_imagealignment.csv"
    pixels = np.asarray(stained((900, 700), a_bundle().in_image))
    if how == "no alignment":
        alignment.unlink()
    elif how == "no image":
        image.unlink()
    elif how == "outside":
        write_ome_tiff(image, pixels[:300, :400], photometric="rgb")
    elif how == "another panel":
        other = a_bundle()
        other.counts = other.counts[::-1] * 3
        write_xenium(folder.parent / "other", other)
        shutil.copy(folder.parent / "other" / "cell_feature_matrix.h5", folder)
    elif how == "another run":
        write_xenium(folder.parent / "other", a_bundle(80))
        shutil.copy(folder.parent / "other" / "cell_feature_matrix.h5", folder)
    elif how == "truncated parquet":
        path = folder / "cells.parquet"
        path.write_bytes(path.read_bytes()[:-200])
    elif how == "RGBA":
        write_ome_tiff(image, np.dstack([pixels, pixels[..., :1]]), photometric="rgb", extrasamples=["unassalpha"])
    elif how == "16-bit":
        write_ome_tiff(image, pixels.astype(np.uint16) * 257, photometric="rgb")
    elif how == "channel-first":
        write_ome_tiff(
            image, np.ascontiguousarray(np.moveaxis(pixels, -1, 0)), photometric="rgb", planarconfig="separate"
        )
    elif how == "dark":
        write_ome_tiff(image, (255 - pixels) // 3, photometric="rgb")
    elif how == "grey":
        write_ome_tiff(image, pixels[..., 1], photometric="minisblack")
    elif how == "truncated image":
        image.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    elif how == "wrong alignment":
        alignment.write_text("1,0,0\n0,1,0\n")
    elif how == "pixel size":
        (folder / "experiment.xenium").write_text('{"pixel_size": "N/A"}')
    elif how == "two images":
        shutil.copy(image, folder / "second_he_image.ome.tif")
    elif how == "truncated matrix":
        path = folder / "cell_feature_matrix.h5"
        path.write_bytes(path.read_bytes()[:2000])


def _prepare(folder: Path) -> None:
    tissue = XeniumSource(folder).open(SYMBOLS)
    tissue.check()
    list(tissue.records(px=16, mpp=None, neighbours=0))


BAD = {
    "no alignment": "no alignment of the H&E .*export it from Xenium Explorer",
    "no image": "no H&E image .*--image",
    "outside": r"run: \d+ of 60 spots lie outside the 400 × 300 px image",
    "another panel": "at .* of 60 cells its counts are not the transcript_counts",
    "another run": "20 of its 80 cells are not in cells.parquet",
    "truncated parquet": "cells.parquet: the table is damaged or cut off",
    "RGBA": "RGBA",
    "16-bit": "uint16 pixels",
    "channel-first": "channel-first",
    "dark": "fluorescence",
    "grey": "1 grey channel.*fluorescence",
    "truncated image": "damaged or cut off",
    "wrong alignment": "does not turn one image into the other",
    "pixel size": "no experiment.xenium with a pixel_size",
    "two images": r"second_he_image\.ome\.tif and test_he_image\.ome\.tif could each be the H&E image",
    "truncated matrix": "not a 10x matrix, or damaged",
}


@pytest.mark.parametrize("how", BAD)
def test_a_bad_bundle_is_one_sentence(tmp_path: Path, how: str) -> None:
    folder = write_xenium(tmp_path / "run", a_bundle())
    _break(folder, how)
    with pytest.raises(DataError, match=BAD[how]) as caught:
        _prepare(folder)
    assert "\n" not in str(caught.value)
