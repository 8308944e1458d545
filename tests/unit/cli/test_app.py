"""The command as a whole: every command teaches, and what a user can mend is a sentence on stderr."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from past.cli.app import app, main


def commands(group: Any, path: str = "past") -> Iterator[tuple[str, str]]:
    """Every command's words and help."""
    for name, command in group.commands.items():
        words = f"{path} {name}"
        yield from commands(command, words) if hasattr(command, "commands") else [(words, command.help or "")]


HELP = dict(commands(typer.main.get_command(app)))


def failure(monkeypatch: pytest.MonkeyPatch, *words: object) -> str:
    monkeypatch.setattr("sys.argv", ["past", *map(str, words)])
    with pytest.raises(SystemExit) as ending:
        main()
    return str(ending.value.code)


def test_the_commands_are_known() -> None:
    assert {"past train", "past evaluate", "past verify", "past shards merge", "past import uni"} <= set(HELP)
    assert len(HELP) == 27


@pytest.mark.parametrize("command", HELP)
def test_every_command_teaches_by_an_example_of_itself(command: str) -> None:
    first, _, rest = HELP[command].partition("\n")
    assert len(first) > 20
    assert f"{command} " in rest


def test_the_first_page_lists_train_and_evaluate() -> None:
    page = CliRunner().invoke(app, ["--help"]).stdout
    assert "Train a model" in page
    assert "Judge a model" in page


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    asked = ["shards", "synthetic", "--patients", "1", "--cells", "6", "--px", "32"]
    said = failure(monkeypatch, *asked, "--out", tmp_path / "file" / "set")
    assert said.startswith("past: ")
    assert "Not a directory" in said
    assert "\n" not in said


def test_no_shards_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "make shards with 'past shards' first" in failure(monkeypatch, "verify", tmp_path)
    assert "use 'past shards' first" in failure(monkeypatch, "shards", "merge", tmp_path)


def test_several_faults_are_a_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["shards", "synthetic", "--patients", "2", "--cells", "6", "--px", "32", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, asked).exit_code == 0
    (tmp_path / "P01S1-000000.tar").write_bytes(b"cut")
    (tmp_path / "P02S1-000000.tar").unlink()
    said = failure(monkeypatch, "verify", tmp_path, "--json").splitlines()
    assert len(said) == 2
    assert said[0].startswith("past: P01S1-000000.tar: 3 bytes, the index says")
    assert said[1].startswith("past: P02S1-000000.tar: cannot be read")
