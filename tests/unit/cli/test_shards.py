"""`past shards synthetic` and `merge` as a user meets them."""

import json

import pytest
from typer.testing import CliRunner

from past.base.errors import ConfigError, DataError
from past.cli.app import app

SYNTHETIC = ["shards", "synthetic", "--patients", "2", "--cells", "6", "--px", "32"]


def past(*args: object):
    return CliRunner().invoke(app, [str(arg) for arg in args])


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
