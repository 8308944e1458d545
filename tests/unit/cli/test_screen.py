"""Lines go to stderr as they are; stdout is left to what other programs read."""

from dataclasses import replace
from pathlib import Path

import pytest
from toy_sections import GENES, SETTINGS, ToySource

from past.cli.screen import say, sections_bar, show_sections, show_totals
from past.data.shards.index import ShardIndex
from past.data.shards.writers import write_set


@pytest.fixture
def index(tmp_path: Path) -> ShardIndex:
    made = write_set(tmp_path / "set", [ToySource("A", 10, "P1"), ToySource("B", 7, "P2")], SETTINGS, GENES)
    assert made is not None
    return made


def test_a_line_is_neither_wrapped_nor_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    line = "runs/[bold]/" + "x" * 300
    say(line)
    said = capsys.readouterr()
    assert said.err == f"{line}\n"
    assert said.out == ""


def test_totals_and_table(index: ShardIndex, capsys: pytest.CaptureFixture[str]) -> None:
    totals = f"{index.root}: 17 cells of 2 sections of 2 patients in 5 shards, 12 genes\n"
    show_totals(index)
    assert capsys.readouterr().err == totals
    show_sections(index)
    shown = capsys.readouterr()
    assert shown.err == totals
    rows = [line.replace("│", " ").split() for line in shown.out.splitlines()]
    assert [row[4:6] for row in rows if row[:1] == ["A"]] == [["10", "3"]]
    assert [row[:5] for row in rows if row[:1] == ["B"]] == [["B", "P2", "breast", "Xenium", "7"]]


def test_the_bar_counts_parts_of_sections(capsys: pytest.CaptureFixture[str]) -> None:
    with sections_bar(2) as report:
        report("A", 10, 10)
        report("B", 5, 10)
    last = capsys.readouterr().err
    assert "B: 5 of 10" in last
    assert "75 %" in last


def test_names_are_no_markup(index: ShardIndex, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {**index.sections["A"], "organ": "[/bold]"}
    show_sections(replace(index, sections={"[/red]": facts}))
    assert "[/bold]" in capsys.readouterr().out
    with sections_bar(1) as report:
        report("[/bold]:b:\x1b[31m", 5, 10)
    assert r"[/bold]:b:\x1b[31m: 5 of 10" in capsys.readouterr().err


def test_names_are_no_smileys_and_no_commands_of_the_terminal(
    index: ShardIndex, capsys: pytest.CaptureFixture[str]
) -> None:
    show_sections(replace(index, sections={"P:b:1": {**index.sections["A"], "organ": "\x1b[2J"}}))
    shown = capsys.readouterr()
    assert "P:b:1" in shown.out
    assert r"\x1b[2J" in shown.out
    say("P:b:1\x1b[2J")
    assert capsys.readouterr().err == "P:b:1\\x1b[2J\n"
