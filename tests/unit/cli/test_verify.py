"""`past verify`: numbers as JSON, a table, and faults by their shard's name."""

import json
import sys
from pathlib import Path

import pytest
from toy_sections import GENES, SETTINGS, ToySource
from typer.testing import CliRunner, Result

from past.base.errors import DataError
from past.base.text.address import HELD
from past.cli.app import app, main
from past.data.shards.writers import write_set


def verify(*words: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, words)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_set(tmp_path / "set", [ToySource("A", 10, "P1"), ToySource("B", 7, "P2")], SETTINGS, GENES)
    return tmp_path / "set"


def test_numbers_are_json_on_stdout(root: Path) -> None:
    result = verify(root, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "cells": 17, "sections": 2, "patients": 2, "shards": 5, "genes": 12,
        "bytes": sum(path.stat().st_size for path in root.glob("*.tar")),
    }  # fmt: skip


def test_a_table_has_a_line_a_section(root: Path) -> None:
    result = verify(root)
    assert result.exit_code == 0
    lines = [line.replace("│", " ").split() for line in result.stdout.splitlines()]
    assert [line[:2] for line in lines if line[:1] in (["A"], ["B"])] == [["A", "P1"], ["B", "P2"]]
    assert "17 cells of 2 sections of 2 patients in 5 shards, 12 genes" in result.output


def test_a_fault_ends_it_with_the_shards_name(root: Path) -> None:
    (root / "A-000001.tar").write_bytes(b"cut")
    result = verify(root, "--workers", "1")
    assert result.exit_code == 1
    assert isinstance(result.exception, DataError)
    assert str(result.exception).startswith("A-000001.tar: 3 bytes, the index says")


def test_a_part_is_read_without_hashes(root: Path) -> None:
    shard = root / "B-000000.tar"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1  # in the padding, which holds no sample
    shard.write_bytes(content)
    assert verify(root, "--workers", "1").exit_code == 1
    assert verify(root, "--workers", "1", "--sample", "0.5").exit_code == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sections": {}}, "A-000000.tar is of section 'A', and its sections name no such"),
        ({"genes": list(GENES[:-1])}, "the gene list does not match its hash"),
        ({"settings": {"px": 16, "mpp": 0}}, "settings: mpp is 0, wanted µm/px above 0, or null"),
    ],
)
def test_an_index_that_a_training_cannot_rely_on_ends_in_one_sentence(
    root: Path, change: dict[str, object], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = root / "index.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    monkeypatch.setattr(sys, "argv", ["past", "verify", str(root)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert str(ended.value.code).startswith(f"past: {path}: {said}")  # and the exit code of text is 1
    assert "\n" not in str(ended.value.code)


def test_a_words_secrets_are_held_before_anything_sees_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HELD, "")
    monkeypatch.setattr(sys, "argv", ["past", "verify", "https://user:s3cret@h.org/set?sig=s3cret"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert "h.org/set" in str(ended.value.code)
    assert "s3cret" not in str(ended.value.code) + " ".join(sys.argv)
