"""STPath from cells to a prediction: slide shards, training through the entry point, a resume, `past.load_stpath`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import Stopped, composed, metrics_of
from typer.testing import CliRunner

import past
import past.train as entry
from past.base.errors import CheckpointError, ConfigError
from past.cli.app import app
from past.data.shards.index import ShardIndex
from past.data.shards.slides import SlideSet
from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.usefixtures("training_environment")
TINY = (
    "experiment=stpath_demo", "callbacks.progress=null", "callbacks.last.every=1",
    "data.samples.rounds=2", "data.batch_size=1",
    "data.samples.masking.patch=[20,40]", "data.val=0.3", "model.dim=16", "trainer.max_epochs=3",
    "trainer.log_every_n_steps=1",
)  # fmt: skip
CRASH = ("+callbacks.crash._target_=tiny_training.CrashAt", "+callbacks.crash.step=6")


def shards(*words: object) -> str:
    result = CliRunner().invoke(app, ["shards", "slides", *map(str, words)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture(scope="module")
def slides(tissue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny tissue as slides of three patients."""
    out = tmp_path_factory.mktemp("slides") / "slides"
    assert "3 slides of 3 sections of 3 patients" in shards(tissue, "--organ", "breast", "--out", out).replace("\n", "")
    return out


def train(slides: Path, root: Path, run_id: str, *overrides: str) -> Path:
    places = (f"data.root={slides}", f"output_root={root}", f"run_id={run_id}")
    entry.train(composed("train", *TINY, *places, *overrides))
    return root / "stpath_demo" / run_id


def test_slides_of_cells_are_the_cells(tissue: Path, slides: Path, tmp_path: Path) -> None:
    cells, found = ShardIndex.read(tissue), SlideSet.open(slides)
    assert found.index.genes == cells.genes
    assert found.index.settings | {"width": 48, "encoder": "grid", "normalise_stain": False} == found.index.settings
    slide = found.get(found.sections[0])
    assert (slide.features.shape, slide.meta["organ"]) == ((40, 48), "breast")
    assert found.index.sections[found.sections[0]]["spots"] == 40
    again = tmp_path / "again"
    shards(tissue, "--organ", "breast", "--out", again)
    assert [shard.sha256 for shard in ShardIndex.read(again).shards] == [shard.sha256 for shard in found.index.shards]
    shards(tissue, "--organ", "breast", "--normalise-stain", "--encoder", "colour", "--out", tmp_path / "normal")
    assert SlideSet.open(tmp_path / "normal").get(found.sections[0]).features.shape == (40, 240)
    with pytest.raises(Exception, match=r"P01S1: organ 'synthetic breast' is not in STPath's vocabulary"):
        shards(tissue, "--out", tmp_path / "no_organ")
    with pytest.raises(ConfigError, match="holds slides already"):
        shards(slides, "--out", tmp_path / "twice")
    with pytest.raises(ConfigError, match=r"--patient, --px, --mpp: .* holds cells that are cut"):
        shards(
            tissue, "--organ", "breast", "--px", "448", "--mpp", "0.25", "--patient", "P9", "--out", tmp_path / "cut"
        )
    with pytest.raises(ConfigError, match="--encoder stpath: no image encoder by itself"):
        shards(tissue, "--organ", "breast", "--encoder", "stpath", "--out", tmp_path / "stpath")


def test_a_trained_run_predicts(slides: Path, tmp_path: Path) -> None:
    run = train(slides, tmp_path, "one")
    rows = metrics_of(run)
    assert [float(row["train/loss"]) > 0 for row in rows] == [True] * 12
    assert sum(bool(row["val/pearson@50/context"]) for row in rows) == 3
    saved = read_checkpoint(run / "checkpoints" / "best.ckpt")["past"]
    assert saved["crops"]["encoder"] == "grid"
    assert len(saved["trained_on"]["sections"]) == 2
    given = SlideSet.open(slides)
    slide = given.get(next(name for name in given.sections if name not in saved["trained_on"]["sections"]))
    predictor = past.load_stpath(run / "checkpoints" / "best.ckpt")
    features = slide.features.copy()
    found = predictor.predict(features, slide.coords, organ="breast", genes=list(given.index.genes[:5]))
    assert found.shape == (40, 5)
    assert np.isfinite(found.to_df().to_numpy()).all()
    assert found.uns["past"]["encoder"] == "grid"
    assert np.array_equal(features, slide.features)
    with torch.no_grad():
        bias = predictor.model.head.bias
    assert bias[2:].min() > -1  # it began at the training slides' mean, not at zero
    assert bias[2:].max() > 0.5


def test_a_run_stopped_in_mid_epoch_is_the_run(slides: Path, tmp_path: Path) -> None:
    whole = train(slides, tmp_path, "whole")
    with pytest.raises(Stopped):
        train(slides, tmp_path, "stopped", *CRASH)
    stopped = train(slides, tmp_path, "stopped")
    ours, theirs = (read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"] for run in (stopped, whole))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_training_starts_from_trained_weights_of_the_same_genes(slides: Path, tmp_path: Path) -> None:
    first = train(slides, tmp_path, "first", "trainer.max_steps=2")
    checkpoint = first / "checkpoints" / "last.ckpt"
    asked = (f"init.model={checkpoint}", "trainer.max_steps=1", "module.optim.lr=1e-12")
    second = train(slides, tmp_path, "second", *asked)
    own, given = (read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"] for run in (second, first))
    torch.testing.assert_close(own["model.image.weight"], given["model.image.weight"], rtol=0, atol=1e-9)
    with pytest.raises(CheckpointError, match="its vocabulary is"):
        train(slides, tmp_path, "other", *asked, "data.samples.vocabulary=variable:20")
