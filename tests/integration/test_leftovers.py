"""What a killed writer left is removed by the next one and never continued, also by one of the same process id."""

import os
from pathlib import Path

import every_command as commands
import pytest

from past.base.errors import ConfigError


def left_behind(out: Path) -> list[Path]:
    """Halves of `out` under the names that a writer of this process id, or any other, may have given."""
    parts = [out.with_name(f".{out.name}.{middle}.part") for middle in (os.getpid(), "0" * 32)]
    for part in parts:
        (part / "patches").mkdir(parents=True)
        (part / "patches" / "old.h5").write_text("half")
        (part / out.name).mkdir()
    return parts


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_benchmark_has_nothing_of_an_earlier_half(tmp_path: Path) -> None:
    sections = commands.write_sections(tmp_path / "sections")
    parts = left_behind(tmp_path / "bench" / "T")
    commands.make_bench(sections, tmp_path / "bench")
    assert not any(part.exists() for part in parts)
    assert {name for name in files(tmp_path / "bench") if "patches" in name} == {"T/patches/P1.h5", "T/patches/P2.h5"}


def test_a_model_and_a_prediction_have_nothing_of_an_earlier_half(tmp_path: Path) -> None:
    weights, genes, features = commands.write_stpath(tmp_path / "released")
    out = tmp_path / "out"
    parts = [part for name in ("model", "predicted.h5ad", "exported") for part in left_behind(out / name)]
    commands.past("import", "stpath", weights, "--genes", genes, "--out", out / "model")
    commands.past("predict", "--features", features, "--weights", out / "model", "--out", out / "predicted.h5ad")
    commands.past("export", "stpath", out / "model", "--out", out / "exported")
    assert not any(part.exists() for part in parts)
    made = {"model/model.json", "model/weights.safetensors", "predicted.h5ad"}
    assert files(out) == made | {"exported/stfm.pth", "exported/symbol2ensembl.json"}


def test_what_the_user_has_is_never_written_over(tmp_path: Path) -> None:
    weights, genes, features = commands.write_stpath(tmp_path / "released")
    sections = commands.write_sections(tmp_path / "sections")
    model, mine = tmp_path / "model", tmp_path / "mine"
    commands.past("import", "stpath", weights, "--genes", genes, "--out", model)
    (mine / "T").mkdir(parents=True)
    (mine / "previews").mkdir()
    for name in ("predicted.h5ad", "index.json", "previews/P1.png", "T/notes.txt"):
        (mine / name).write_text("mine")
    before = {path: path.read_text() for path in mine.rglob("*") if path.is_file()}
    for words, told in {
        ("import", "stpath", weights, "--genes", genes, "--out", mine): "exists already and was left as it is",
        ("export", "stpath", model, "--out", mine): "exists already and was left as it is",
        ("predict", "--features", features, "--weights", model, "--out", mine / "predicted.h5ad"): "exists already",
        ("bench-from", "anndata", *sections, "--task", "T", "--genes", 5, "--out", mine): "T exists already",
        ("shards", "anndata", *sections, "--px", 32, "--out", mine): "holds shards but no settings.json",
        ("shards", "anndata", *sections, "--px", 32, "--out", mine, "--preview"): r"P1\.png was not made by this",
    }.items():
        with pytest.raises(Exception, match=told) as refusal:
            commands.past(*words)
        assert type(refusal.value).__module__ == ConfigError.__module__
    assert {path: path.read_text() for path in mine.rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("training_environment")
def test_pages_are_made_again_and_those_of_the_user_stay(tissue: Path, tmp_path: Path) -> None:
    run = commands.train(tissue, tmp_path, "one", "trainer.max_steps=1")
    for _ in range(2):
        commands.past("report", run)
    (run / "report.html").write_text("<html>mine</html>")
    with pytest.raises(
        ConfigError, match=r"report\.html was not made by this program, or .* and was left as it is: move it"
    ):
        commands.past("report", run)
    assert (run / "report.html").read_text() == "<html>mine</html>"
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "retrieval.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds files that are no results \(retrieval\.csv\), and was left as it is"):
        commands.judge_run(tmp_path, "one", "ckpt=last", f"results_dir={tmp_path / 'results'}")
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["retrieval.csv"]
