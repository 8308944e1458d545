from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest
from anndata import AnnData
from typer.testing import CliRunner
from whole_slides import Eight, plain_grid, section, write_svs

import past
from past.checkpoints.saved import save_model
from past.cli.app import app
from past.models.stpath.published import import_stpath
from past.slides.frozen_encoder import FrozenEncoder

Slide = tuple[np.ndarray, np.ndarray]


def test_predict_writes_what_load_stpath_predicts(released_stpath: Path, slide: Slide, tmp_path: Path) -> None:
    features, coords = slide
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["features"], file["coords"] = features, coords
    save_model(tmp_path / "model", import_stpath(released_stpath / "stfm.pth", released_stpath / "symbol2ensembl.json"))
    context = AnnData(np.ones((2, 1), np.float32), obsm={"spatial": coords[:2].astype(float)})
    context.var_names = ["GENE1"]
    context.write_h5ad(tmp_path / "context.h5ad")
    command = f"predict --features {tmp_path}/f.h5 --weights {tmp_path}/model --organ Breast --technology Visium"
    command += f" --genes GENE3,TWIN1 --context {tmp_path}/context.h5ad --out {tmp_path}/pred.h5ad"
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    written = anndata.read_h5ad(tmp_path / "pred.h5ad")
    expected = past.load_stpath(tmp_path / "model").predict(
        features, coords, organ="Breast", technology="Visium", genes=["GENE3", "TWIN1"], context=context
    )
    np.testing.assert_allclose(written.X, expected.X, rtol=1e-5, atol=1e-6)
    assert list(written.var_names) == ["GENE3", "TWIN1"]
    assert written.uns["past"]["method"] == "STPath, in context of 2 measured spots, told 1 of their 1 genes"


def test_slides_are_predicted_and_found_again(
    released_stpath: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One slide into a file, a cohort into a folder; what was made otherwise is refused, features go on from."""
    pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    monkeypatch.setattr("past.slides.embedder.grid_of", lambda slide, settings: plain_grid(slide.size))
    monkeypatch.setattr("past.slides.tiling.find_spec", lambda name: name)
    monkeypatch.setattr("past.config.frozen_encoder", lambda *_: FrozenEncoder(Eight(), device="cpu"))
    save_model(tmp_path / "model", import_stpath(released_stpath / "stfm.pth", released_stpath / "symbol2ensembl.json"))
    slides = [str(write_svs(tmp_path / f"{name}.svs", section(600, 400, seed=i))) for i, name in enumerate("ab")]
    words = ["--encoder", "gigapath", "--weights", str(tmp_path / "model"), "--tile-px", "32", "--genes", "GENE3,GENE4"]

    def run(*more: str) -> str:
        done = CliRunner().invoke(app, ["predict", *words, *more])
        return "" if done.exit_code == 0 else f"{done.exception}"

    assert run(slides[0], "--out", str(tmp_path / "a.h5ad"), "--maps", str(tmp_path / "maps")) == ""
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["a_GENE3.png", "a_GENE4.png"]
    written = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert written.shape == (70, 2)
    assert "exists already" in run(slides[0], "--out", str(tmp_path / "a.h5ad"))
    out = tmp_path / "out"
    assert run(*slides, "--out", str(out)) == ""
    np.testing.assert_array_equal(anndata.read_h5ad(out / "a.h5ad").X, written.X)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("*.h5*")}
    assert sorted(before) == ["a.features.h5", "a.h5ad", "b.features.h5", "b.h5ad"]
    assert run(*slides, "--out", str(out)) == ""
    assert before == {path.name: path.stat().st_mtime_ns for path in out.glob("*.h5*")}
    said = run(*slides, "--out", str(out), "--organ", "Breast")
    assert said.count("was predicted with another organ: give another --out") == 2
    assert "read features of Prov-GigaPath" in run(*slides, "--out", str(tmp_path / "new"), "--encoder", "uni2_h")


def test_a_slide_or_features_are_asked_for(tmp_path: Path) -> None:
    for more in ([], ["a.svs", "--features", "f.h5"]):
        done = CliRunner().invoke(app, ["predict", *more, "--weights", "m", "--out", str(tmp_path / "p.h5ad")])
        assert "give slides (and --encoder), or --features of one" in str(done.exception)


def test_past_offers_only_what_it_has() -> None:
    with pytest.raises(AttributeError, match="load_everything"):
        _ = past.load_everything
