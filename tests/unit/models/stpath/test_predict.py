from itertools import pairwise
from pathlib import Path

import anndata
import numpy as np
import pytest
import torch
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.base.errors import CheckpointError, ConfigError, DataError
from past.checkpoints.saved import Saved, save_model
from past.models.stpath.batch import SlideBatch
from past.models.stpath.model import STPath
from past.models.stpath.predict import Predictor, load_stpath, weights_file
from past.models.stpath.published import import_stpath
from past.models.stpath.samples.masking import scale_coords, tell
from past.models.stpath.vocabulary import MASK, RESERVED, organ_token, technology_token
from past.nn.colour import ColourGrid

Slide = tuple[np.ndarray, np.ndarray]


def measured(coords: np.ndarray, rows: list[int], genes: list[str], seed: int = 0) -> AnnData:
    counts = np.random.default_rng(seed).integers(0, 9, (len(rows), len(genes))).astype(np.float32)
    adata = AnnData(counts, obsm={"spatial": coords[rows].astype(float)})
    adata.var_names = genes
    return adata


def test_all_genes_are_predicted_where_none_is_named(predictor: Predictor, slide: Slide) -> None:
    adata = predictor.predict(*slide)
    assert adata.shape == (12, 21)
    assert adata.X.dtype == np.float32
    assert list(adata.var_names) == sorted(adata.var_names)
    assert (adata.uns["past"]["organ"], adata.uns["past"]["technology"]) == ("Others", "not told")
    assert not adata.layers
    assert len(adata.uns["past"]["weights_sha256"]) == 64


def test_asked_genes_are_columns_of_all_genes_and_twins_are_equal(predictor: Predictor, slide: Slide) -> None:
    everything = predictor.predict(*slide)
    some = predictor.predict(*slide, genes=["TWIN2", "GENE7", "ENSG003", "TWIN1"])
    assert list(some.var_names) == ["TWIN2", "GENE7", "ENSG003", "TWIN1"]
    columns = everything[:, ["ENSG900", "ENSG007", "ENSG003", "ENSG900"]].X
    np.testing.assert_allclose(some.X, columns, rtol=1e-6)
    np.testing.assert_array_equal(some.X[:, 0], some.X[:, 3])


def test_the_callers_arrays_stay_as_they_are(predictor: Predictor, slide: Slide) -> None:
    features, coords = slide
    context = measured(coords, [1, 2], ["GENE1", "GENE2"])
    before = features.copy(), coords.copy(), context.X.copy()
    adata = predictor.predict(features, coords, context=context, steps=2, samples=2)
    for now, then in zip((features, coords, context.X), before, strict=True):
        np.testing.assert_array_equal(now, then)
    np.testing.assert_array_equal(adata.obsm["spatial"], coords)
    adata.obsm["spatial"][:] = 0
    assert coords.any()


def test_prediction_does_not_depend_on_unit_or_chunk(predictor: Predictor, slide: Slide) -> None:
    features, coords = slide
    whole = predictor.predict(features, coords).X
    np.testing.assert_allclose(predictor.predict(features, coords * 0.25 + 100, chunk=5).X, whole, rtol=1e-4, atol=1e-5)


def test_organ_and_technology_change_the_prediction_and_are_recorded(predictor: Predictor, slide: Slide) -> None:
    plain = predictor.predict(*slide).X
    told = predictor.predict(*slide, organ="breast", technology="VisiumHD")
    assert not np.allclose(plain, told.X)
    assert told.uns["past"]["technology"] == "VisiumHD"


def test_context_is_found_by_place_or_by_row(predictor: Predictor, slide: Slide) -> None:
    features, coords = slide
    context = measured(coords, [4, 9], ["GENE3", "TWIN1", "TWIN2", "ELSEWHERE"])
    by_place = predictor.predict(features, coords, context=context)
    by_row = predictor.predict(features, coords, context=([4, 9], context))
    said = by_place.uns["past"]
    assert said["method"] == "STPath, in context of 2 measured spots, told 3 of their 4 genes"
    assert (said["context_spots"], said["context_genes"], said["context_genes_not_known"]) == (2, 3, 1)
    np.testing.assert_array_equal(by_place.X, by_row.X)
    assert not np.allclose(by_place.X, predictor.predict(features, coords).X)
    # names of one id are summed, whichever of them holds the counts
    summed = context[:, ["GENE3", "TWIN1"]].copy()
    summed.X = np.stack([context.X[:, 0], context.X[:, 1] + context.X[:, 2]], 1)
    np.testing.assert_allclose(predictor.predict(features, coords, context=summed).X, by_place.X, rtol=1e-6)


def test_steps_keep_what_is_surest_and_tell_it_to_the_rest(predictor: Predictor, slide: Slide) -> None:
    one = predictor.predict(*slide).X
    two = predictor.predict(*slide, steps=2).X
    kept = (one == two).all(1)
    assert kept.sum() == round((1 - np.cos(np.pi / 4)) * 12)
    from_mean = ((one - one.mean(0)) ** 2).mean(1)
    assert from_mean[kept].max() <= from_mean[~kept].min()
    assert predictor.predict(*slide, steps=5).uns["past"]["steps"] == 5


def test_samples_add_the_spread_under_dropout(predictor: Predictor, slide: Slide) -> None:
    plain = predictor.predict(*slide)
    adata = predictor.predict(*slide, samples=4, seed=1)
    np.testing.assert_array_equal(adata.X, plain.X)
    assert (adata.layers["std"] > 0).any()
    np.testing.assert_array_equal(predictor.predict(*slide, samples=4, seed=1).layers["std"], adata.layers["std"])
    assert not np.array_equal(predictor.predict(*slide, samples=4, seed=2).layers["std"], adata.layers["std"])


def test_a_file_written_block_by_block_reads_as_the_one_in_memory(
    predictor: Predictor, slide: Slide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = predictor.predict(*slide, samples=3)
    monkeypatch.setattr("past.models.stpath.generate.SPOTS_AT_ONCE", 5)
    backed = predictor.predict(*slide, samples=3, out=tmp_path / "sub" / "pred.h5ad")
    assert backed.isbacked
    read = anndata.read_h5ad(tmp_path / "sub" / "pred.h5ad")
    np.testing.assert_allclose(read.X, whole.X, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(read.layers["std"], whole.layers["std"], rtol=1e-4, atol=1e-6)
    assert read.uns["past"] == whole.uns["past"]
    assert [file.name for file in (tmp_path / "sub").iterdir()] == ["pred.h5ad"]


def test_one_spot_and_a_line_of_spots_are_predicted(predictor: Predictor, slide: Slide) -> None:
    features, coords = slide
    assert np.isfinite(predictor.predict(features[:1], coords[:1]).X).all()
    line = np.stack([np.arange(12), np.zeros(12)], 1)
    assert np.isfinite(predictor.predict(features, line).X).all()


def test_saved_weights_predict_the_same(predictor: Predictor, slide: Slide, released: Path, tmp_path: Path) -> None:
    out = tmp_path / "stpath"
    save_model(out, import_stpath(released / "stfm.pth", released / "symbol2ensembl.json"))
    loaded = load_stpath(out, device="cpu")
    np.testing.assert_array_equal(loaded.predict(*slide).X, predictor.predict(*slide).X)
    assert loaded.encoder == "Prov-GigaPath"


def test_a_runs_weights_are_its_best_checkpoint(tmp_path: Path) -> None:
    assert weights_file(tmp_path) == tmp_path / "weights.safetensors"
    best = tmp_path / "checkpoints" / "best.ckpt"
    best.parent.mkdir()
    best.touch()
    assert weights_file(tmp_path) == best


BAD = {
    "width": (lambda f, c: ((f[:, :5], c), {}), r"read 8 numbers a spot: embed the tiles with their encoder \(Prov"),
    "known width": (lambda f, c: ((np.zeros((12, 1024)), c), {}), r"shape \(12, 1024\) \(UNI's or Phikon-v2's width\)"),
    "infinite": (
        lambda f, c: ((np.where(f == f.max(), np.inf, f), c), {}),
        "features: 1 of 12 rows hold NaN or infinity",
    ),
    "lengths": (lambda f, c: ((f, c[:-1]), {}), r"12 spots in features, but coords of shape \(11, 2\)"),
    "empty": (lambda f, c: ((f[:0], c[:0]), {}), "no spot"),
    "nan": (lambda f, c: ((np.where(np.arange(12)[:, None] == 3, np.nan, f), c), {}), "first is row 3"),
    "inf": (lambda f, c: ((f, np.where(c == c.max(), np.inf, c)), {}), "coords: 1 of 12 rows hold NaN or infinity"),
    "twice": (lambda f, c: ((f, c[[0, *range(11)]]), {}), "1 of 12 spots lie where another does"),
    "organ": (lambda f, c: ((f, c), {"organ": "breast cancer"}), r"nearest: Breast\): give --organ others, or one of"),
    "technology": (
        lambda f, c: ((f, c), {"technology": "CosMx"}),
        "technology 'CosMx' is not in.*leave --technology out",
    ),
    "genes": (lambda f, c: ((f, c), {"genes": ["GENE1", "GENE21x"]}), r"1 of 2 genes .* GENE21x \(nearest: GENE"),
    "steps": (lambda f, c: ((f, c), {"steps": 0}), "steps=0"),
    "normalised": (
        lambda f, c: ((f, c), {"context": AnnData(np.full((1, 1), 0.6931), obsm={"spatial": c[:1]})}),
        "context: X holds 0.6931: normalised",
    ),
    "no places": (lambda f, c: ((f, c), {"context": AnnData(np.ones((1, 1)))}), "neither names nor places"),
    "elsewhere": (
        lambda f, c: ((f, c), {"context": measured(c + 2, [0], ["GENE1"])}),
        "no features for 1 of 1 spots of context",
    ),
    "rows": (
        lambda f, c: ((f, c), {"context": ([12], measured(c, [0], ["GENE1"]))}),
        "row 12 is not one of the 12 spots",
    ),
    "number of rows": (
        lambda f, c: ((f, c), {"context": ([1, 2], measured(c, [0], ["GENE1"]))}),
        "2 row numbers for 1",
    ),
    "row twice": (lambda f, c: ((f, c), {"context": ([1, 1], measured(c, [0, 1], ["GENE1"]))}), "given twice"),
    "no known gene": (lambda f, c: ((f, c), {"context": measured(c, [0], ["XYZ"])}), "none of its 1 genes"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(predictor: Predictor, slide: Slide, case: str) -> None:
    make, message = BAD[case]
    arguments, options = make(*slide)
    with pytest.raises((DataError, ConfigError), match=message):
        predictor.predict(*arguments, **options)


def test_weights_of_another_kind_are_refused(released: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="give genes="):
        load_stpath(released / "stfm.pth")
    other = Saved(ColourGrid(), source="colour")
    with pytest.raises(CheckpointError, match="holds a ColourGrid, not STPath"):
        Predictor(other, released / "stfm.pth")
    (tmp_path / "evil.pth").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(CheckpointError, match=r"evil\.pth"):
        load_stpath(tmp_path / "evil.pth", genes=released / "symbol2ensembl.json")


def passed(predictor: Predictor, slide: Slide, told: csr_matrix, spots: list[int]) -> torch.Tensor:
    """Log1p expression of all genes in one pass that is told the rows `spots` of (12, tokens) `told`."""
    features, coords = slide
    batch = SlideBatch(
        torch.from_numpy(features),
        torch.from_numpy(scale_coords(coords)),
        (12,),
        torch.full((12,), technology_token("Visium")),
        torch.full((12,), organ_token("Kidney")),
        tell(told, np.setdiff1d(np.arange(12), spots)),
    )
    with torch.no_grad():
        return predictor.model.head(predictor.model(batch), torch.arange(RESERVED, predictor.genes.tokens))


def test_measured_spots_are_told_with_the_log_of_their_counts(predictor: Predictor, slide: Slide) -> None:
    context = measured(slide[1], [4, 9], ["GENE3", "GENE5"])
    told = np.zeros((12, predictor.genes.tokens), np.float32)
    told[np.ix_([4, 9], predictor.genes.encode(["GENE3", "GENE5"]))] = np.log1p(context.X)
    expected = passed(predictor, slide, csr_matrix(told), [4, 9]).numpy()
    found = predictor.predict(*slide, organ="Kidney", technology="Visium", context=context)
    np.testing.assert_allclose(found.X, expected, rtol=1e-5, atol=1e-6)


def test_the_spread_is_the_root_mean_square_about_the_samples_mean(
    predictor: Predictor, slide: Slide, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, slides = measured(slide[1], [4, 9], ["GENE3", "GENE5"]), []
    drawn = list(torch.randn(3, 12, 16, generator=torch.Generator().manual_seed(0)))

    def draw(model: STPath, batch: SlideBatch, samples: int, seed: int) -> list[torch.Tensor]:
        slides.append((batch, samples, seed))
        return drawn

    monkeypatch.setattr("past.models.stpath.predict.dropout_states", draw)
    found = predictor.predict(*slide, context=context, samples=3, seed=7).layers["std"]
    with torch.no_grad():
        values = predictor.model.head(torch.stack(drawn), torch.arange(RESERVED, predictor.genes.tokens)).numpy()
    expected = np.sqrt((values**2).mean(axis=0) - values.mean(axis=0) ** 2)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    ((batch, samples, seed),) = slides
    assert (samples, seed) == (3, 7)
    genes = [batch.expression.genes[a:b].tolist() for a, b in pairwise(batch.expression.offsets.tolist())]
    tokens = sorted(predictor.genes.encode(["GENE3", "GENE5"]).tolist())
    assert [genes[row] for row in (3, 4, 9)] == [[MASK], tokens, tokens]  # each pass is told the same
