"""HEST-1k's folders: slides and patches, pooled bins and cells, and what the metadata says."""

import json
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from platforms import stained
from scipy.sparse import csr_matrix

from past.base.crops import cut_crop
from past.base.errors import DataError
from past.data.sources.hest import HestSource, read_metadata, read_patient
from past.data.sources.platform import SectionOptions

GENES = ("EPCAM", "KRT8", "CD3E")
CONTROLS = ("NegControlProbe_00042", "BLANK_0006", "UnassignedCodeword_0001")
MPP = 0.25
WORDS = {"organ": "Bowel", "species": "Homo sapiens", "st_technology": "Xenium", "pixel_size_um_estimated": MPP}


def a_sample(root: Path, **said: object) -> tuple[Path, np.ndarray, np.ndarray]:
    """A pooled sample without an image; returns its h5ad, counts and places."""
    rng = np.random.default_rng(0)
    places = rng.uniform(300, 900, (25, 2))
    counts = rng.poisson(2.0, (25, len(GENES) + len(CONTROLS))) + 1
    adata = anndata.AnnData(csr_matrix(counts.astype(np.float32)), var=pd.DataFrame(index=[*GENES, *CONTROLS]))
    adata.obs_names = [f"{i:03d}x000" for i in range(25)]
    adata.obsm["spatial"] = places
    for folder in ("st", "wsis", "patches", "metadata", "transcripts", "xenium_seg", "cellvit_seg"):
        (root / folder).mkdir(parents=True)
    path = root / "st" / "TENX1.h5ad"
    adata.write_h5ad(path)
    (root / "metadata" / "TENX1.json").write_text(json.dumps({**WORDS, **said}))
    return path, counts, places


def with_slide(root: Path, places: np.ndarray) -> None:
    tifffile = pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    pixels = np.asarray(stained((1200, 1200), places, radius=20))
    tifffile.imwrite(root / "wsis" / "TENX1.tif", pixels, tile=(256, 256), photometric="rgb")


def test_a_pooled_sample_on_its_slide(tmp_path: Path) -> None:
    path, counts, places = a_sample(tmp_path, patient="Patient 2", dataset_title="A study", disease_state="Cancer")
    with_slide(tmp_path, places)
    source = HestSource(path)
    assert (source.name, source.genes()) == ("TENX1", GENES)
    tissue = source.open(GENES)
    tissue.check()
    rows = [int(name[:3]) for name in tissue.names]
    np.testing.assert_allclose(tissue.centres, places[rows])
    np.testing.assert_array_equal(tissue.counts.toarray(), counts[rows, :3])
    assert tissue.mpp == MPP
    assert tissue.section.patient == "A study: Patient 2"
    assert tissue.facts["disease_state"] == "Cancer"


def test_patches_stand_in_for_the_slide(tmp_path: Path) -> None:
    path, counts, places = a_sample(tmp_path)
    slide = stained((1200, 1200), places, radius=20)
    patches = np.stack([cut_crop(slide, x, y, 224, 0.5 / MPP) for x, y in places[:20]])
    with h5py.File(tmp_path / "patches" / "TENX1.h5", "w") as file:
        file["img"] = patches
        file["barcode"] = np.array([[f"{i:03d}x000".encode()] for i in range(20)])
        file["coords"] = places[:20]
    tissue = HestSource(path).open(GENES)
    tissue.check()
    assert len(tissue) == 20
    for i, record in enumerate(tissue.records(px=224, mpp=0.5, neighbours=3)):
        np.testing.assert_array_equal(record.crop, patches[i])
    np.testing.assert_allclose(record.positions[0], places[19] * MPP)
    np.testing.assert_array_equal(tissue.counts.toarray(), counts[:20, :3])
    with pytest.raises(DataError, match=r"use --px 224 --mpp 0\.5, or download"):
        next(tissue.records(px=224, mpp=1.0, neighbours=0))


def transcripts(root: Path, centres: np.ndarray, wanted: np.ndarray) -> None:
    """Write `wanted` (cells, genes) transcripts of good quality, and as many of bad quality, controls and strays."""
    rows: list[dict[str, Any]] = []
    for cell, gene in np.argwhere(wanted):
        x, y = centres[cell]
        good = {"cell_id": f"cell-{cell}", "feature_name": GENES[gene].encode(), "he_x": x + 1, "he_y": y - 1}
        rows += [{**good, "qv": 25.0}] * int(wanted[cell, gene])
        rows += [{**good, "qv": 12.0}, {**good, "feature_name": CONTROLS[0].encode(), "qv": 30.0}]
    rows += [{"cell_id": "UNASSIGNED", "feature_name": b"EPCAM", "he_x": 5.0, "he_y": 5.0, "qv": 40.0}]
    pd.DataFrame(rows).to_parquet(root / "transcripts" / "TENX1_transcripts.parquet")


@pytest.mark.parametrize("kind", ["xenium_seg/TENX1_xenium_cell_seg", "cellvit_seg/TENX1_cellvit_seg"])
def test_xenium_samples_are_read_cell_by_cell_where_they_are_segmented(tmp_path: Path, kind: str) -> None:
    shapely = pytest.importorskip("shapely", reason="the extra 'spatial' is not installed")
    path, _, places = a_sample(tmp_path)
    with_slide(tmp_path, places)
    grid = np.array([(x, y) for x in range(300, 900, 60) for y in range(300, 900, 60)], float)
    wanted = np.random.default_rng(1).poisson(1.5, (len(grid), len(GENES)))
    transcripts(tmp_path, grid, wanted)
    outlines = pd.DataFrame({"geometry": shapely.to_wkb(shapely.buffer(shapely.points(grid), 12))})
    outlines.index = pd.Index([f"cell-{i}" for i in range(len(grid))])
    if "cellvit" in kind:
        outlines["class"] = ["Neoplastic", "Connective"] * (len(grid) // 2)
    outlines.to_parquet(tmp_path / f"{kind}.parquet")
    tissue = HestSource(path).open(GENES)
    number = [int(name.removeprefix("cell-").removeprefix("nucleus")) for name in tissue.names]
    assert sorted(number) == np.flatnonzero(wanted.sum(axis=1)).tolist()
    np.testing.assert_array_equal(tissue.counts.toarray(), wanted[number])
    np.testing.assert_allclose(tissue.centres, grid[number], atol=1e-6)
    assert tissue.facts["cells_from"] == f"{Path(kind).name}.parquet"
    assert (tissue.cell_types or [""])[0] in ({"Neoplastic", "Connective"} if "cellvit" in kind else {""})


def test_the_real_metadata_table_is_read(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "HEST_v1_1_0.csv").write_bytes((real_data / "hest_bench" / "HEST_v1_1_0.csv").read_bytes())
    said = read_metadata(tmp_path, "NCBI884")
    assert (said["organ"], said["patient"], said["species"], said["st_technology"]) == (
        "Lung",
        "Patient 27",
        "Homo sapiens",
        "Xenium",
    )
    assert float(said["pixel_size_um_estimated"]) == 0.2125
    assert "patient" not in read_metadata(tmp_path, "TENX159")
    with pytest.raises(DataError, match="NOPE: neither"):
        read_metadata(tmp_path, "NOPE")


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("image", "neither .*TENX1.tif nor .*TENX1.h5 is there"),
        ("scale", "its metadata says no pixel_size_um_estimated"),
        ("json", "TENX1.json: not JSON .*: download it again"),
        ("patches", "not HEST's patches, or damaged"),
        ("other patches", "a patch of none of the 25 spots"),
        ("shape", "patches of"),
    ],
)
def test_a_bad_download_is_one_sentence(tmp_path: Path, broken: str, says: str) -> None:
    path, _, places = a_sample(tmp_path, **({"pixel_size_um_estimated": None} if broken == "scale" else {}))
    if broken in ("scale", "json"):
        with_slide(tmp_path, places)
    if broken == "json":
        (tmp_path / "metadata" / "TENX1.json").write_text("{")
    if broken == "patches":
        (tmp_path / "patches" / "TENX1.h5").write_bytes(b"nothing")
    if broken in ("other patches", "shape"):
        with h5py.File(tmp_path / "patches" / "TENX1.h5", "w") as file:
            file["img"] = np.zeros((2, 224 if broken != "shape" else 100, 224, 3), np.uint8)
            file["barcode"] = np.array([b"A", b"B"])
    with pytest.raises(DataError, match=says):
        HestSource(path, SectionOptions()).open(GENES)


def test_samples_of_one_patient_are_joined_across_titles(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "HEST_v1_1_0.csv").write_bytes((real_data / "hest_bench" / "HEST_v1_1_0.csv").read_bytes())
    names = {read_patient(tmp_path, sample, read_metadata(tmp_path, sample)) for sample in ("TENX94", "TENX96")}
    assert len(names) == 1
    assert read_patient(tmp_path, "TENX159", read_metadata(tmp_path, "TENX159")) is None


def test_other_metadata_is_another_section(tmp_path: Path) -> None:
    path, _, places = a_sample(tmp_path)
    with_slide(tmp_path, places)
    origins = [HestSource(path).origin()]
    said = tmp_path / "metadata" / "TENX1.json"
    said.write_text(json.dumps({**WORDS, "pixel_size_um_estimated": 0.5}))
    origins.append(HestSource(path).origin())
    for mpp in (0.25, 0.5):
        (tmp_path / "HEST_v1_1_0.csv").write_text(f"id,pixel_size_um_estimated\nTENX1,{mpp}\n")
        origins.append(HestSource(path).origin())
    assert all(one not in origins[:i] for i, one in enumerate(origins))


@pytest.mark.parametrize("missing", [float("nan"), "nan", "NA", None, ""])
def test_a_patient_that_the_metadata_do_not_know_is_none(tmp_path: Path, missing: object) -> None:
    a_sample(tmp_path, patient=missing, dataset_title="A study")
    assert read_patient(tmp_path, "TENX1", read_metadata(tmp_path, "TENX1")) is None


def test_proteins_beside_genes_are_left_out_and_counted(tmp_path: Path) -> None:
    path, _, places = a_sample(tmp_path, patient="P")
    with_slide(tmp_path, places)
    adata = anndata.read_h5ad(path)
    adata.var["feature_types"] = ["Gene Expression", "Protein Expression", *["Gene Expression"] * 4]
    adata.write_h5ad(path)
    assert HestSource(path).genes() == ("EPCAM", "CD3E")
    assert HestSource(path).open(GENES).facts["controls_dropped"] == 4
