"""Space Ranger's folders: places and counts as scanpy and spatialdata-io read them, µm/px from the lattice of spots."""

from pathlib import Path

import numpy as np
import pytest
from platforms import GENES, stained, write_space_ranger
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.data.sources.platform import SectionOptions
from past.data.sources.visium import VisiumSource

SYMBOLS = tuple(name for name, _ in GENES)
GIVEN = SectionOptions(organ="breast", species="human", patient="P1")
MPP = 0.73


def hexagons(side: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Spots of a turned Visium array: column and row (n, 2), and x, y in pixels of `MPP` µm."""
    array = np.array([(column, row) for row in range(side) for column in range(row % 2, 2 * side, 2)])
    um = array * (50, 50 * np.sqrt(3))
    turned = um @ np.array([[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]])
    return array, turned / MPP + (80, 150)


def an_outs(folder: Path, **options: object) -> tuple[Path, np.ndarray, np.ndarray]:
    """A run on disk with its image beside it; also its counts and places."""
    array, places = hexagons()
    rng = np.random.default_rng(1)
    counts = rng.poisson(3.0, (len(array), len(GENES))) + 1
    features = [(name, identity, "Gene Expression") for name, identity in GENES]
    barcodes = [f"AAACCC{i:04d}-1" for i in range(len(array))]
    outs = write_space_ranger(folder / "run" / "outs", counts, features, barcodes, places, array=array, **options)
    stained((1200, 1200), places, radius=12).save(folder / "run" / "slide.png")
    return outs, counts, places


@pytest.mark.parametrize(
    ("matrix", "positions"),
    [("h5", "tissue_positions.csv"), ("mtx", "tissue_positions_list.csv"), ("h5", "tissue_positions.parquet")],
)
def test_every_version_of_the_folder_is_read(tmp_path: Path, matrix: str, positions: str) -> None:
    outs, counts, places = an_outs(tmp_path, matrix=matrix, positions=positions)
    source = VisiumSource(outs, GIVEN)
    assert (source.name, source.genes()) == ("run", SYMBOLS)
    tissue = source.open(SYMBOLS)
    tissue.check()
    np.testing.assert_allclose(tissue.centres, places, atol=1e-6)
    np.testing.assert_array_equal(tissue.counts.toarray(), counts)
    assert tissue.mpp == pytest.approx(MPP, rel=1e-9)
    assert (tissue.section.technology, tissue.section.patient) == ("Visium", "P1")


@pytest.mark.filterwarnings("ignore")
def test_places_and_counts_equal_those_of_scanpy(tmp_path: Path) -> None:
    import scanpy

    outs, _, _ = an_outs(tmp_path, positions="tissue_positions_list.csv")
    theirs = scanpy.read_visium(outs, library_id="run")
    ours = VisiumSource(outs, GIVEN).open(tuple(theirs.var_names))
    np.testing.assert_allclose(ours.centres, theirs[ours.names].obsm["spatial"].astype(float), atol=1e-6)
    np.testing.assert_array_equal(ours.counts.toarray(), csr_matrix(theirs[ours.names].X).toarray())


def test_places_and_counts_equal_those_of_spatialdata_io(tmp_path: Path) -> None:
    spatialdata_io = pytest.importorskip("spatialdata_io", reason="the extra 'spatial' is not installed")
    outs, _, _ = an_outs(tmp_path)
    (outs / "slide.png").write_bytes((outs.parent / "slide.png").read_bytes())
    theirs = spatialdata_io.visium(outs, dataset_id="run")
    table = theirs["table"]
    circles = theirs["run"].loc[table.obs["spot_id"]].geometry
    ours = VisiumSource(outs, GIVEN).open(tuple(table.var_names))
    assert list(table.obs_names) == ours.names
    np.testing.assert_allclose(ours.centres, np.c_[circles.x, circles.y], atol=1e-6)
    np.testing.assert_array_equal(ours.counts.toarray(), table.X.toarray())


def test_bins_of_visium_hd(tmp_path: Path) -> None:
    array = np.array([(column, row) for row in range(12) for column in range(12)])
    places = array * 8 / 0.5 + 40
    counts = np.random.default_rng(0).poisson(1.0, (144, len(GENES)))
    features = [(name, identity, "Gene Expression") for name, identity in GENES]
    names = [f"s_008um_{row:05d}_{column:05d}-1" for column, row in array]
    outs = tmp_path / "hd" / "outs"
    write_space_ranger(
        outs / "binned_outputs" / "square_008um",
        counts,
        features,
        names,
        places,
        array=array,
        positions="tissue_positions.parquet",
        scales={"microns_per_pixel": 0.5, "bin_size_um": 8.0},
    )
    stained((300, 300), places).save(tmp_path / "hd" / "slide.png")
    tissue = VisiumSource(outs, GIVEN, 8).open(SYMBOLS)
    assert tissue.section.section == "hd_008um"
    assert tissue.section.technology == "Visium HD"
    assert tissue.mpp == 0.5
    assert len(tissue) == int((counts.sum(axis=1) > 0).sum()) < 144
    with pytest.raises(DataError, match="--bin 2 or 8 or 16"):
        VisiumSource(outs, GIVEN).files()
    with pytest.raises(DataError, match="square_016um: no such folder"):
        VisiumSource(outs, GIVEN, 16).files()


def test_spots_on_no_lattice_need_the_scale(tmp_path: Path) -> None:
    outs, _, places = an_outs(tmp_path)
    path = outs / "spatial" / "tissue_positions.csv"
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([lines[0], *(",".join([*line.split(",")[:2], "0", "0", *line.split(",")[4:]]) for line in lines[1:])])
    )
    with pytest.raises(DataError, match="do not tell µm/px: give the image's with --image-mpp"):
        VisiumSource(outs, GIVEN).open(SYMBOLS)
    tissue = VisiumSource(outs, SectionOptions(organ="breast", species="human", image_mpp=MPP)).open(SYMBOLS)
    np.testing.assert_allclose(tissue.centres, places, atol=1e-6)
    assert tissue.section.patient == "run"


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("spatial/tissue_positions.csv", "no table of the spots' places"),
        ("spatial/scalefactors_json.json", "no scale"),
        ("filtered_feature_bc_matrix.h5", "no filtered_feature_bc_matrix.h5"),
        ("../slide.png", "no full-resolution H&E image .*--image"),
    ],
)
def test_a_missing_file_is_one_sentence(tmp_path: Path, broken: str, says: str) -> None:
    outs, _, _ = an_outs(tmp_path)
    (outs / broken).unlink()
    with pytest.raises(DataError, match=says):
        VisiumSource(outs, GIVEN).open(SYMBOLS)


def test_broken_scale_factors_are_one_sentence(tmp_path: Path) -> None:
    outs, _, _ = an_outs(tmp_path)
    for text, said in (('{"a": ', "not JSON"), ("[" * 100_000, "not JSON"), ("[1]", "not JSON of scale factors")):
        (outs / "spatial" / "scalefactors_json.json").write_text(text)
        with pytest.raises(DataError, match=rf"scalefactors_json.json: {said}.*: copy it again"):
            VisiumSource(outs, GIVEN).open(SYMBOLS)


def test_the_samples_own_image_goes_before_one_in_the_folder_above(tmp_path: Path) -> None:
    outs, _, _ = an_outs(tmp_path)
    assert VisiumSource(outs, GIVEN).files()[-1].name == "slide.png"
    stained((1200, 1200), hexagons()[1], radius=12).save(outs / "own.jpg")
    assert VisiumSource(outs, GIVEN).files()[-1] == outs / "own.jpg"
    (outs / "own.png").touch()
    with pytest.raises(DataError, match=r"own\.jpg and own\.png could each be the full-resolution H&E image"):
        VisiumSource(outs, GIVEN).files()


def test_proteins_and_controls_are_left_out(tmp_path: Path) -> None:
    array, places = hexagons()
    counts = np.ones((len(array), 3), int)
    features = [("CD3E", "ENSG1", "Gene Expression"), ("CD3E", "CD3E", "Antibody Capture")]
    features += [("DeprecatedCodeword_1", "DeprecatedCodeword_1", "Gene Expression")]
    names = [f"AAACCC{i:04d}-1" for i in range(len(array))]
    outs = write_space_ranger(tmp_path / "outs", counts, features, names, places, array=array)
    source = VisiumSource(outs, SectionOptions(image=tmp_path / "i.png", organ="breast", species="human"))
    assert source.genes() == ("CD3E",)
    stained((1200, 1200), places, radius=12).save(tmp_path / "i.png")
    assert source.open(("CD3E",)).facts["controls_dropped"] == 2
