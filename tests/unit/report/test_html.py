"""A page of blocks: whole in one file, and what it is made of cannot write HTML."""

from pathlib import Path

from past.base.runs import Run
from past.report.blocks import Block, page
from past.report.html import configuration_blocks, training_blocks, write_page


def test_blocks_become_one_file(tmp_path: Path) -> None:
    path = write_page(tmp_path, "toy", [Block("First", text="one"), Block("Second", code="two")])
    assert path == tmp_path / "report.html"
    text = path.read_text()
    assert "<h1>toy</h1>" in text
    assert "2 parts" in text
    assert text.index("<h2>First</h2>") < text.index("<h2>Second</h2>")


def test_names_and_settings_cannot_write_html() -> None:
    assert "&lt;i&gt;" in page("<i>", "", [Block("<i>", text="<i>", code="<i>")])
    assert "<i>" not in page("<i>", "", [Block("<i>", text="<i>", code="<i>")])


def test_a_training_has_curves_and_a_configuration_where_their_files_are(tmp_path: Path) -> None:
    run = Run(tmp_path, "toy", "one")
    run.directory.mkdir(parents=True)
    assert training_blocks(run) == configuration_blocks(run) == []
    (run.directory / "metrics.csv").write_text("step,train/loss\n9,0.5\n")
    run.config.write_text("seed: 1\n")
    (curves,), (configuration,) = training_blocks(run), configuration_blocks(run)
    assert (curves.title, configuration.code) == ("Training", "seed: 1\n")
    assert curves.image


def test_an_older_runs_secrets_are_not_shown(tmp_path: Path) -> None:
    run = Run(tmp_path, "toy", "one")
    run.directory.mkdir(parents=True)
    run.config.write_text("data:\n  root: https://user:s3cret@h.org/set?sig=s3cret\n")
    (configuration,) = configuration_blocks(run)
    assert configuration.code == "data:\n  root: https://h.org/set\n"
