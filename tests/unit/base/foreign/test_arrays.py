"""Packed tables and arrays: read, or refused before they fill the memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from past.base.errors import DataError
from past.base.foreign import memory
from past.base.foreign.arrays import read_npz, read_parquet

SAID = ("broken", "copy it again")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    table = pd.DataFrame({"gene": ["A", "B"], "pearson": [0.5, np.nan]})
    table.to_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "a.parquet", *SAID), table)
    np.savez(tmp_path / "a.npz", crops=np.eye(2), names=np.array(["a", "b"]))
    read = read_npz(tmp_path / "a.npz", *SAID)
    assert list(read) == ["crops", "names"]
    np.testing.assert_array_equal(read["crops"], np.eye(2))


@pytest.mark.parametrize("read", [read_npz, read_parquet])
def test_what_is_missing_or_broken_is_a_sentence(read: Callable[..., object], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a: broken.*: copy it again"):
        read(tmp_path / "a", *SAID)
    (tmp_path / "a").write_bytes(b"PAR1" * 9)
    with pytest.raises(DataError, match=r"a: broken.*: copy it again"):
        read(tmp_path / "a", *SAID)


def test_what_becomes_larger_than_the_memory_is_refused_before_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "SMALL", 0)
    monkeypatch.setattr(memory, "available_memory", lambda: 10_000_000)
    pd.DataFrame({"x": np.zeros(2_000_000)}).to_parquet(tmp_path / "a.parquet")
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(2_000_000))
    assert all((tmp_path / name).stat().st_size < 100_000 for name in ("a.parquet", "a.npz"))
    with pytest.raises(DataError, match=r"its 2,000,000 rows needs 0\.02 GB of memory, and 0\.01 GB are free: copy"):
        read_parquet(tmp_path / "a.parquet", *SAID)
    with pytest.raises(DataError, match=r"what it unpacks to needs 0\.02 GB of memory, and 0\.01 GB are free: copy"):
        read_npz(tmp_path / "a.npz", *SAID)


def test_an_object_that_would_run_code_is_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([Path("x")], dtype=object))
    with pytest.raises(DataError, match=r"a\.npz: broken"):
        read_npz(tmp_path / "a.npz", *SAID)
