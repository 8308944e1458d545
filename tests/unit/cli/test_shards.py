"""`past shards` and `past verify` as a user meets them."""

import json

import pytest
from toy_sections import GENES, SETTINGS, ToySource
from typer.testing import CliRunner

from past.base.errors import ConfigError, DataError
from past.cli.app import app, main
from past.data.shards.writers import write_set

SYNTHETIC = ["shards", "synthetic", "--patients", "2", "--cells", "6", "--px", "32"]


def past(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def failure(monkeypatch, *args: object) -> str:
    monkeypatch.setattr("sys.argv", ["past", *map(str, args)])
    with pytest.raises(SystemExit) as ending:
        main()
    return str(ending.value.code)


@pytest.fixture
def root(tmp_path):
    write_set(tmp_path / "set", [ToySource("A", 10, "P1"), ToySource("B", 7, "P2")], SETTINGS, GENES)
    return tmp_path / "set"


@pytest.mark.parametrize(
    "args", [["--help"], ["shards", "--help"], ["shards", "anndata", "--help"], ["verify", "--help"]]
)
def test_help_teaches(args):
    result = past(*args)
    assert result.exit_code == 0
    assert ("Example: past" in result.stdout) == (args[-2:] not in (["--help"], ["shards", "--help"]))


def test_verify_prints_numbers_as_json_on_stdout(root):
    result = past("verify", root, "--json")
    assert result.exit_code == 0
    numbers = json.loads(result.stdout)
    assert numbers == {
        "cells": 17, "sections": 2, "patients": 2, "shards": 5, "genes": 12,
        "bytes": sum(path.stat().st_size for path in root.glob("*.tar")),
    }  # fmt: skip


def test_verify_shows_a_table(root):
    result = past("verify", root)
    assert result.exit_code == 0
    assert "A" in result.stdout
    assert "P2" in result.stdout
    assert "17 cells of 2 sections of 2 patients in 5 shards, 12 genes" in " ".join(result.output.split())


def test_verify_names_what_is_wrong(root, monkeypatch):
    (root / "A-000001.tar").write_bytes(b"cut")
    (root / "B-000000.tar").unlink()
    said = failure(monkeypatch, "verify", root, "--json").splitlines()
    assert len(said) == 2
    assert said[0].startswith("past: A-000001.tar: 3 bytes, the index says")
    assert said[1].startswith("past: B-000000.tar: cannot be read")


def test_no_shards_there(tmp_path, monkeypatch):
    assert "make shards with 'past shards' first" in failure(monkeypatch, "verify", tmp_path)
    assert "use 'past shards' first" in failure(monkeypatch, "shards", "merge", tmp_path)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    said = failure(monkeypatch, *SYNTHETIC, "--out", tmp_path / "file" / "set")
    assert said.startswith("past: ")
    assert "Not a directory" in said


def test_array_jobs_by_number_and_name(tmp_path):
    first = past(*SYNTHETIC, "--out", tmp_path, "--only", 0)
    assert first.exit_code == 0
    assert "other sections are still to be written" in " ".join(first.output.split())
    assert past(*SYNTHETIC, "--out", tmp_path, "--only", "P02S1").exit_code == 0
    assert json.loads(past("verify", tmp_path, "--json").stdout)["cells"] == 12
    again = past("shards", "merge", tmp_path)
    assert "12 cells of 2 sections of 2 patients" in " ".join(again.output.split())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "7"], "--only 7: give a section's name or a number from 0 to 1"),
        (["--mpp", "fine"], "--mpp fine: give µm/px as a number, or 'native'"),
        (["--format", "bmp"], "image format 'bmp': use one of jpg, webp, png"),
        (["--cells", "0"], "must be 1 or more"),
    ],
)
def test_options_that_cannot_be(tmp_path, options, message):
    result = past(*SYNTHETIC, "--out", tmp_path, *options)
    assert isinstance(result.exception, ConfigError)
    assert message in str(result.exception)
    assert not list(tmp_path.iterdir())


def test_other_settings_are_refused(tmp_path):
    assert past(*SYNTHETIC, "--out", tmp_path).exit_code == 0
    result = past(*SYNTHETIC, "--out", tmp_path, "--neighbours", 3)
    assert isinstance(result.exception, DataError)
    assert "holds shards of neighbours 8, these would be of 3" in str(result.exception)
