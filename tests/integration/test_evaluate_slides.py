"""STPath judged on slides: `evaluate.py task=zero_shot | imputation`, its maps, and the page."""

import io
import json
import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from slide_shards import GENES, WIDTH, write_slides
from tiny_training import composed

import past.evaluate as entry
import past.train as trainer
from past.base.errors import CheckpointError, ConfigError, PastError
from past.checkpoints.saved import Saved, save_model
from past.cli.report import write_run_page
from past.evaluation.spots.page import drawn_maps
from past.models.stpath.model import STPath
from past.models.stpath.vocabulary import GeneVocabulary

pytestmark = [pytest.mark.usefixtures("training_environment"), pytest.mark.slow]
SMALL = ("task.tops=[4,8]",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Slides in `slides`, imported weights in `weights`."""
    folder = tmp_path_factory.mktemp("judged")
    write_slides(folder / "slides")
    torch.manual_seed(0)
    model = STPath(2 + len(GENES), features=WIDTH, dim=16, depth=1, heads=2)
    save_model(folder / "weights", Saved(model, GeneVocabulary({gene: gene for gene in GENES}).state()))
    return folder


def evaluate(folder: Path, task: str, *overrides: str) -> Path:
    words = (f"task={task}", f"output_root={folder / 'runs'}", f"ckpt={folder / 'weights'}", *overrides)
    return entry.evaluate(composed("evaluate", *words))


def test_imported_weights_are_judged_and_the_page_shows_them(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = folder / "runs" / "mine" / "one" / "results"
    for task in ("zero_shot", "imputation"):
        words = (f"data.root={folder / 'slides'}", "data.val=[B,C1]", f"results_dir={results}", *SMALL)
        assert evaluate(folder, task, *words) == results
    assert "STPath zero-shot" in capsys.readouterr().out
    content = json.loads((results / "imputation.json").read_text())
    assert content["checkpoint"] == str(folder / "weights")
    assert set(content["versions"]) == set(entry.MOVES_NUMBERS)
    assert {(row["mask_ratio"], row["name"]) for row in content["rows"]} == {
        (ratio, name) for ratio in (0.95, 0.9, 0.8) for name in ("B1", "C1", "all")
    }
    pictures = sorted(path.name for path in results.glob("*.png"))
    assert pictures == ["imputation_0.8.png", "imputation_0.9.png", "imputation_0.95.png", "zero_shot_1.png"]
    both = Image.open(results / "zero_shot_1.png").size
    assert min(both) > 300
    page = write_run_page(results.parent).read_text()
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    assert titles[:4] == [
        "Imputation",
        *(f"Imputation, by section, {share} masked" for share in ("95%", "90%", "80%")),
    ]
    assert titles[titles.index("Zero-shot") :][:5] == [
        "Zero-shot",
        "Zero-shot, by section",
        "Zero-shot, best and worst gene of each section",
        "Zero-shot, clusters",
        "Zero-shot: two by two",
    ]
    row = next(row for row in content["rows"] if row["by"].startswith("ridge"))
    assert f"<td>{row['pearson@4']:.4f} [{row['pearson@4/low']:.4f}, {row['pearson@4/high']:.4f}]</td>" in page
    monkeypatch.setattr("past.evaluation.spots.page.SHOWN", 1)
    ((ratio, fewer),) = drawn_maps(results, "zero_shot")
    assert ratio == 1
    assert Image.open(io.BytesIO(fewer)).size[1] < 0.7 * both[1]


def test_all_slides_are_judged_on_given_genes(folder: Path) -> None:
    (folder / "genes.txt").write_text("G1\nG0\n")
    results = evaluate(folder, "zero_shot", f"data.root={folder / 'slides'}", f"task.genes={folder / 'genes.txt'}")
    assert results == folder / "runs" / "zero_shot" / "weights" / "results"
    rows = json.loads((results / "zero_shot.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["A1", "A2", "B1", "C1", "all"]
    assert {row["by"] for row in rows} == {"STPath"}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "data.root is not given, and imported weights carry no data"),
        (["data.root=nowhere"], "nowhere"),
        (["data.root=SLIDES"], "no training slides to choose genes on"),
        (["data.root=SLIDES", "data.val=[Z9]"], "Z9"),
        (["data.root=SLIDES", "data.val=[B1]", "task.mask_ratios=[0]"], "use 0 < ratio ≤ 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_sentence(folder: Path, words: list[str], named: str) -> None:
    with pytest.raises(PastError, match=named) as refusal:
        evaluate(folder, "imputation", *(word.replace("SLIDES", str(folder / "slides")) for word in words))
    assert "\n" not in str(refusal.value)


TRAINING = (
    "experiment=stpath_demo", "callbacks.progress=null", "data.samples.rounds=2", "data.batch_size=2", "run_id=one",
    "data.samples.masking.patch=[20,40]", "data.val=[B1]", "model.dim=8", "trainer.max_epochs=1",
)  # fmt: skip


def test_a_run_is_judged_on_its_own_validation_slides(folder: Path) -> None:
    places = (f"data.root={folder / 'slides'}", f"output_root={folder / 'runs'}")
    trainer.train(composed("train", *TRAINING, *places))
    run = folder / "runs" / "stpath_demo" / "one"
    words = (f"output_root={folder / 'runs'}", "name=stpath_demo", "run_id=one", "ckpt=last", *SMALL)
    results = entry.evaluate(composed("evaluate", "task=zero_shot", *words))
    assert results == run / "results"
    content = json.loads((results / "zero_shot.json").read_text())
    assert content["checkpoint"] == str(run / "checkpoints" / "last.ckpt")
    assert {(row["name"], row["by"]) for row in content["rows"]} == {
        ("B1", way) for way in ("STPath", f"ridge, {WIDTH} PCs", "training mean")
    }
    assert {"Training", "Zero-shot", "Configuration"} <= set(
        re.findall(r"<h2>(.*?)</h2>", write_run_page(run).read_text())
    )
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    assert entry.evaluate(composed("evaluate", "task=zero_shot", *words)) == results
    assert {path.name: path.read_bytes() for path in results.iterdir()} == before
    with pytest.raises(ConfigError, match=r"not of \['C1'\] \(data\.val\)"):
        entry.evaluate(composed("evaluate", "task=zero_shot", *words, "data.val=[C]", "data.train=[A1]"))
    elsewhere = entry.evaluate(
        composed(
            "evaluate", "task=zero_shot", *words, "data.val=[C]", "data.train=[A1]", f"results_dir={folder / 'again'}"
        )
    )
    assert {row["name"] for row in json.loads((elsewhere / "zero_shot.json").read_text())["rows"]} == {"C1"}
    with pytest.raises(CheckpointError, match=r"last\.ckpt: holds a STPath, not PAST: use task=zero_shot or"):
        entry.evaluate(composed("evaluate", "task=retrieval", *words[:-1]))


def test_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    from past.nn.colour import ColourGrid

    save_model(tmp_path / "other", Saved(ColourGrid()))
    with pytest.raises(CheckpointError, match="holds a ColourGrid, not STPath"):
        evaluate(folder, "zero_shot", f"ckpt={tmp_path / 'other'}", f"data.root={folder / 'slides'}")


def test_other_results_are_not_replaced(folder: Path, tmp_path: Path) -> None:
    words = (f"data.root={folder / 'slides'}", *SMALL)
    first = evaluate(folder, "zero_shot", "data.val=[C1]", "run_id=kept", *words)
    before = {path.name: path.read_bytes() for path in first.iterdir()}
    assert evaluate(folder, "zero_shot", "data.val=[C]", "run_id=kept", *words) == first  # patient C is section C1
    assert {path.name: path.read_bytes() for path in first.iterdir()} == before
    with pytest.raises(ConfigError, match=r"holds results of \['C1'\], not of \['B1'\] \(data\.val\); give another"):
        evaluate(folder, "zero_shot", "data.val=[B]", "run_id=kept", *words)
    with pytest.raises(ConfigError, match=r"holds results of 4, not of 3 \(neighbours\)"):
        evaluate(folder, "zero_shot", "data.val=[C]", "run_id=kept", *words, "task.neighbours=3")
    torch.manual_seed(1)
    model = STPath(2 + len(GENES), features=WIDTH, dim=16, depth=1, heads=2)
    save_model(tmp_path / "weights", Saved(model, GeneVocabulary({gene: gene for gene in GENES}).state()))
    with pytest.raises(
        ConfigError, match=r"\(weights\); give another results_dir=, or remove the old zero_shot results"
    ):
        evaluate(folder, "zero_shot", "data.val=[C]", "run_id=kept", *words, f"ckpt={tmp_path / 'weights'}")
    second = evaluate(folder, "zero_shot", "data.val=[B]", "run_id=second", *words)
    assert first.parent.name == "kept"
    assert second.parent.name == "second"


def test_a_folder_without_a_slash_is_imported_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    words = ("data.root=slides", "data.val=[C1]", "run_id=plain", "ckpt=weights", *SMALL)
    results = evaluate(folder, "imputation", *words)
    assert json.loads((results / "imputation.json").read_text())["checkpoint"] == "weights"
