"""The library's files, to its last digit."""

import json
from pathlib import Path

import pandas as pd
from tiny_bench import judge

from past.evaluation.hest.task import HestBench
from past.nn.colour import ColourGrid

# A single gene's score is within 1e-14 on a CPU with AVX-512, as the library's was; on one without, sums run in another
# order and 2e-5 was seen. Means over genes are closer on both.
CLOSE = 5e-5


def differences(expected: object, found: object, path: str = "") -> list[tuple[str, float]]:
    """Every number of two like JSON values, as (where, |difference|); other fields must be equal."""
    if isinstance(expected, dict):
        assert isinstance(found, dict)
        assert expected.keys() == found.keys(), path
        return [pair for key in expected for pair in differences(expected[key], found[key], f"{path}/{key}")]
    if isinstance(expected, list):
        assert isinstance(found, list)
        assert len(expected) == len(found), path
        return [
            p for i, pair in enumerate(zip(expected, found, strict=True)) for p in differences(*pair, f"{path}/{i}")
        ]
    if isinstance(expected, int | float):
        assert isinstance(found, int | float), path
        return [(path, abs(expected - found))]
    assert expected == found, path
    return []


def test_reference_every_field_of_the_librarys_files(reference: Path, tmp_path: Path) -> None:
    mini = reference / "hest_mini"
    bench = HestBench(mini / "bench", tmp_path / "cache", components=16, mean_colour_removed=False, batch_size=32)
    judge(bench, {"custom_encoder": ColourGrid(4)}, tmp_path / "results")
    files = sorted((mini / "expected").rglob("*.json"))
    assert len(files) == 15
    for file in files:
        name = file.relative_to(mini / "expected")
        pairs = differences(json.loads(file.read_text()), json.loads((tmp_path / "results" / name).read_text()))
        assert max(difference for _, difference in pairs) < CLOSE, name
    tables = [
        pd.read_csv(folder / "dataset_results.csv", index_col=0) for folder in (mini / "expected", tmp_path / "results")
    ]
    pd.testing.assert_frame_equal(*tables, rtol=0, atol=1e-6)
