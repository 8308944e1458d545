import io
import re
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import shards
from PIL import Image
from scipy.sparse import csc_matrix, csr_matrix

from past.cli.app import main
from past.data.shards.index import ShardIndex
from past.data.shards.verify import verify

GENES = [f"G{i}" for i in range(20)]
META = {
    "um_per_px": 1.0,
    "patient": "P1",
    "organism": "human",
    "tissue": "breast, tumour",
    "platform": "Spatial Transcriptomics 1k array",
}


def a_section(spots: int = 12, seed: int = 0) -> anndata.AnnData:
    """Spots in the upper half of an image of 300 × 400 px, of which the lower half is glass."""
    rng = np.random.default_rng(seed)
    adata = anndata.AnnData(rng.poisson(1.0, (spots, len(GENES))).astype(np.float32))
    adata.var_names = GENES
    adata.obs_names = [f"spot{i}" for i in range(spots)]
    adata.obsm["spatial"] = np.stack([rng.uniform(5, 295, spots), rng.uniform(5, 195, spots)], axis=1)
    adata.uns["meta"] = dict(META)
    return adata


def an_image() -> Image.Image:
    pixels = np.full((400, 300, 3), 240)
    pixels[:200] = np.array([210, 130, 180]) + np.random.default_rng(1).integers(-15, 15, (200, 300, 3))
    return Image.fromarray(pixels.astype(np.uint8))


def write(folder, adata, name="S", image=None, suffix=".png"):
    adata.write_h5ad(folder / f"{name}.h5ad")
    (image or an_image()).save(folder / f"{name}{suffix}")
    return folder / f"{name}.h5ad"


@pytest.fixture
def past(monkeypatch, tmp_path, capsys):
    """Run the command line in-process; return what it says when it fails, or the index."""

    def run(*sections, options=()):
        out = tmp_path / "out"
        args = ["past", "shards", "anndata", *map(str, sections), "--out", str(out), "--px", "24", *map(str, options)]
        monkeypatch.setattr("sys.argv", args)
        try:
            main()
        except SystemExit as ending:
            if ending.code:
                return str(ending.code)
        return ShardIndex.read(out)

    return run


def samples_of(index):
    for shard in index.shards:
        yield from shards.samples_of(Path(index.root, shard.name).read_bytes(), shard.name, len(index.genes))


def test_everything_of_a_spot_arrives(tmp_path, past):
    adata = a_section()
    adata.obs["cell_type"] = ["tumour", "stroma"] * 6
    index = past(write(tmp_path, adata), options=["--format", "png", "--mpp", "native", "--neighbours", 2])
    assert verify(index) == []
    assert index.genes == tuple(GENES)
    assert index.sections["S"]["files"] == ["S.h5ad", "S.png"]
    places, pixels = adata.obsm["spatial"], np.asarray(an_image())
    for i, sample in enumerate(samples_of(index)):
        away = np.linalg.norm(places - places[i], axis=1)
        rows = np.argsort(away)[:3]
        np.testing.assert_allclose(sample.positions, places[rows], atol=1e-4)
        for row, first, last in zip(rows, sample.offsets[:-1], sample.offsets[1:], strict=True):
            dense = np.zeros(len(GENES))
            dense[sample.genes[first:last]] = sample.counts[first:last]
            np.testing.assert_array_equal(dense, adata.X[row])
        left, top = np.floor(places[i] - 12 + 0.5).astype(int)
        if left >= 0 and top >= 0 and left + 24 <= 300:
            crop = np.asarray(Image.open(io.BytesIO(sample.image)))
            np.testing.assert_array_equal(crop, pixels[top : top + 24, left : left + 24])
        assert sample.meta == {
            "cell": f"spot{i}",
            "section": "S",
            "patient": "P1",
            "organ": "breast, tumour",
            "technology": "Spatial Transcriptomics",
            "species": "Homo sapiens",
            "mpp": 1.0,
            "cell_type": ["tumour", "stroma"][i % 2],
        }


def test_one_gene_list_for_all_sections(tmp_path, past):
    one, other = a_section(seed=1), a_section(seed=2)
    other.var_names = [f"G{i}" for i in range(10, 30)]
    index = past(write(tmp_path, one, "A"), write(tmp_path, other, "B"))
    assert index.genes == tuple(f"G{i}" for i in range(30))
    totals = {"A": one.X.sum(), "B": other.X.sum()}
    found = dict.fromkeys(totals, 0)
    for sample in samples_of(index):
        found[sample.meta["section"]] += int(sample.counts[: sample.offsets[1]].sum())
    assert found == totals


def test_a_given_gene_list_drops_the_others_and_says_so(tmp_path, past):
    (tmp_path / "genes.txt").write_text("G3\nMISSING\nG1\n")
    adata = a_section()
    adata.X[0] = 0
    adata.X[0, 5] = 7  # nothing of the list
    index = past(write(tmp_path, adata), options=["--genes", tmp_path / "genes.txt"])
    assert index.genes == ("G3", "MISSING", "G1")
    assert index.sections["S"]["genes_dropped"] == 18
    assert index.sections["S"]["cells_dropped"] >= 1
    assert index.samples == 12 - index.sections["S"]["cells_dropped"]


def test_counts_layer_goes_before_x_and_any_storage_is_read(tmp_path, past):
    adata = a_section()
    adata.layers["counts"] = csc_matrix(adata.X)
    adata.X = np.log1p(adata.X)
    index = past(write(tmp_path, adata))
    assert sum(sample.counts[: sample.offsets[1]].sum() for sample in samples_of(index)) == adata.layers["counts"].sum()


def test_the_user_may_say_what_the_file_does_not(tmp_path, past):
    adata = a_section()
    del adata.uns["meta"]
    said = {"image-mpp": 0.7, "technology": "visium", "species": "mouse", "organ": "brain", "patient": "M1"}
    index = past(write(tmp_path, adata), options=[f"--{word}={value}" for word, value in said.items()])
    assert index.sections["S"] | {"source": 0} == {
        "patient": "M1", "organ": "brain", "technology": "Visium", "species": "Mus musculus", "cells": 12, "source": 0,
        **{key: index.sections["S"][key] for key in ("files", "controls_dropped", "cells_dropped", "genes_dropped")
           if key in index.sections["S"]},
        **({"genes_unmapped": []} if "genes_unmapped" in index.sections["S"] else {}),
    }  # fmt: skip


def test_an_image_of_another_resolution_is_brought_to_scale(tmp_path, past):
    adata = a_section()
    adata.obsm["spatial"] *= 2
    adata.uns["meta"]["um_per_px"] = 0.5  # of the coordinates; the image has 1.0
    path = write(tmp_path, adata)
    assert "spots lie outside the 300 × 400 px image: the image of another resolution? give --image-mpp" in past(path)
    index = past(path, options=["--image-mpp", 1.0])
    first = next(samples_of(index))
    np.testing.assert_allclose(first.positions[0], adata.obsm["spatial"][0] * 0.5, atol=1e-4)


def test_images_may_be_given_in_order(tmp_path, past):
    paths = [write(tmp_path, a_section(seed=seed), name) for seed, name in enumerate("AB")]
    (tmp_path / "A.png").rename(tmp_path / "left.png")
    (tmp_path / "B.png").rename(tmp_path / "right.png")
    options = ["--image", tmp_path / "left.png", "--image", tmp_path / "right.png"]
    assert past(*paths, options=options).sections["B"]["files"] == ["B.h5ad", "right.png"]
    assert "--image is given 1 times for 2 sections" in past(*paths, options=options[:2])


def remove_meta(word):
    def change(adata):
        del adata.uns["meta"][word]

    return change


def set_x(value):
    def change(adata):
        adata.X[3, 4] = value

    return change


def swap(adata):
    adata.obsm["spatial"] = adata.obsm["spatial"][:, ::-1] * (1, 0.95)


def off_tissue(adata):
    adata.obsm["spatial"] = adata.obsm["spatial"] * (0.3, 0.4) + 205


def far_away(adata):
    adata.obsm["spatial"][:3] += 1000


def gene_twice(adata):
    adata.var_names = ["G1", *GENES[1:]]


def no_counts(adata):
    adata.X[:] = 0


def not_finite(adata):
    adata.obsm["spatial"][0] = np.nan


@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda adata: adata.obsm.pop("spatial"), "S: no obsm['spatial']"),
        (not_finite, "S: obsm['spatial'] of shape (12, 2) must hold two finite numbers"),
        (set_x(0.6931), "S: X holds 0.6931: normalised or scaled? give raw counts, or put them in layers['counts']"),
        (set_x(-2), "S: X holds -2"),
        (set_x(np.nan), "S: X holds nan"),
        (remove_meta("um_per_px"), "give the image's µm/px with --image-mpp"),
        (remove_meta("platform"), "no technology: give --technology"),
        (far_away, "S: 3 of 12 spots lie outside the 300 × 400 px image: the image of another resolution?"),
        (off_tissue, "S: 0% of the spots lie on stained tissue, the others on background"),
        (swap, "with x and y exchanged"),
        (gene_twice, "1 gene names occur more than once (G1…)"),
        (no_counts, "S: no cell is left"),
    ],
)
def test_bad_input_is_one_sentence_and_loses_nothing(tmp_path, past, change, message):
    bad = a_section()
    change(bad)
    said = past(write(tmp_path, bad))
    assert message in said
    assert "\n" not in said
    assert not list((tmp_path / "out").glob("*.tar"))


def test_images_that_cannot_be_read(tmp_path, past):
    path = write(tmp_path, a_section())
    content = (tmp_path / "S.png").read_bytes()
    (tmp_path / "S.png").write_bytes(content[: len(content) // 2])
    assert "the image is damaged or cut off" in past(path)
    (tmp_path / "S.png").write_bytes(b"hello")
    assert "not an image that can be read" in past(path)
    (tmp_path / "S.png").unlink()
    assert "S: no image S{.jpg,.jpeg,.png,.tif,.tiff}" in past(path)


def test_files_that_are_no_h5ad(tmp_path, past):
    assert "no such file" in past(tmp_path / "missing.h5ad")
    (tmp_path / "bad.h5ad").write_bytes(b"nothing")
    assert "not an h5ad file, or cut off" in past(tmp_path / "bad.h5ad")


def test_changed_source_is_another_section(tmp_path, past):
    past(write(tmp_path, a_section()))
    assert "holds section S from another source" in past(write(tmp_path, a_section(seed=5)))


def test_real_sections(real_data, tmp_path, past):
    sections = sorted((real_data / "her2st").glob("*.h5ad"))[:1] + sorted((real_data / "als").glob("*.h5ad"))[:1]
    index = past(*sections)
    assert {name: facts["cells"] for name, facts in index.sections.items()} == {"B4": 283, "CN51_C2_1": 40}
    assert verify(index, sample=0.2) == []


def test_real_sections_with_x_and_y_exchanged_are_refused(real_data, tmp_path, past):
    source = real_data / "her2st" / "C4.h5ad"
    adata = anndata.read_h5ad(source)
    adata.obsm["spatial"] = adata.obsm["spatial"][:, ::-1].copy()
    adata.write_h5ad(tmp_path / "C4.h5ad")
    said = past(tmp_path / "C4.h5ad", options=["--image", source.with_suffix(".jpg")])
    assert "with x and y exchanged all lie inside" in said


@pytest.mark.parametrize("bad", [2_000_000_000, len(GENES) + 1, -1])
@pytest.mark.parametrize("form", [csr_matrix, csc_matrix])
def test_counts_outside_the_matrix_are_refused_and_never_read(tmp_path, past, bad, form):
    adata = a_section()
    adata.X = form(adata.X)
    path = write(tmp_path, adata)
    with h5py.File(path, "r+") as file:
        file["X/indices"][3] = bad
    assert re.search(r"S: X: its sparse matrix is broken \(.*\): write the file again", past(path))


def test_rows_that_do_not_follow_one_another_are_refused(tmp_path, past):
    adata = a_section()
    adata.X = csr_matrix(adata.X)
    path = write(tmp_path, adata)
    with h5py.File(path, "r+") as file:
        file["X/indptr"][2] = file["X/indptr"][4]
    assert "its sparse matrix is broken" in past(path)


def test_an_eps_called_jpg_starts_no_program(tmp_path, past):
    path = write(tmp_path, a_section())
    (tmp_path / "S.png").unlink()
    (tmp_path / "S.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 400\nshowpage\n")
    assert "S.jpg: not an image that can be read: give a JPEG, PNG or TIFF" in past(path)


@pytest.mark.parametrize("named", ["/etc/image.png", "../private/image.png"])
def test_an_image_outside_the_files_own_folder_is_not_opened(tmp_path, past, named):
    adata = a_section()
    adata.uns["meta"]["image"] = named
    assert f"S: its image '{named}' is not in its own folder" in past(write(tmp_path, adata))


def test_controls_and_proteins_are_no_genes_and_their_number_is_said(tmp_path, past, caplog):
    adata = a_section()
    adata.var_names = ["NegControlProbe_1", "BLANK_0006", "antisense_PROK2", "CD3E", *GENES[4:]]
    adata.var["feature_types"] = ["Gene Expression"] * 3 + ["Protein Expression"] + ["Gene Expression"] * 16
    index = past(write(tmp_path, adata))
    assert index.genes == tuple(GENES[4:])
    assert index.sections["S"]["controls_dropped"] == 4
    assert "S: 4 features are no genes (controls, proteins) and are left out" in caplog.text
    assert sum(sample.counts[: sample.offsets[1]].sum() for sample in samples_of(index)) == adata.X[:, 4:].sum()
    adata.var["feature_types"] = "Protein Expression"
    assert "none of its 20 features is a gene" in past(write(tmp_path, adata, "T"))


@pytest.mark.parametrize("missing", ["nan", "NA", "None", "", np.nan])
def test_a_patient_that_is_missing_is_no_patient_called_nan(tmp_path, past, missing):
    for name, seed in (("A", 1), ("B", 2)):
        adata = a_section(seed=seed)
        adata.uns["meta"]["patient"] = missing
        write(tmp_path, adata, name)
    assert past(tmp_path / "A.h5ad", tmp_path / "B.h5ad").patients == ("A", "B")


def test_a_cell_type_that_is_missing_is_none(tmp_path, past):
    adata = a_section()
    adata.obs["cell_type"] = pd.Categorical(["tumour", None, "NA"] * 4)
    found = [sample.meta.get("cell_type") for sample in samples_of(past(write(tmp_path, adata)))]
    assert found == ["tumour", None, None] * 4


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_a_barcode_twice_is_named(tmp_path, past):
    adata = a_section()
    adata.obs_names = ["spot1", *adata.obs_names[1:]]
    assert "S: 1 names of rows occur more than once (spot1…)" in past(write(tmp_path, adata))


@pytest.mark.parametrize("orientation", [3, 6])
def test_crops_of_a_turned_picture_are_of_the_spots_own_place(tmp_path, past, orientation):
    adata = a_section()
    upright = past(write(tmp_path, adata, "A"), options=["--format", "png"])
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    adata.write_h5ad(tmp_path / "B.h5ad")
    an_image().transpose(turn).save(tmp_path / "B.png", exif=exif)
    turned = past(tmp_path / "B.h5ad", options=["--format", "png"])
    crops = {"A": [], "B": []}
    for index in (upright, turned):
        for sample in samples_of(index):
            crops[sample.meta["section"]].append(sample.image)
    assert crops["A"][:12] == crops["B"]
