from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData

from past.models.stpath.slide_file import in_memory, on_disk

WHOLE = {"X": np.arange(12, dtype=np.float32).reshape(4, 3), "std": np.ones((4, 3), np.float32)}


def blocks(fails: bool = False) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
    yield slice(0, 3), {name: values[:3] for name, values in WHOLE.items()}
    if fails:
        raise RuntimeError("on purpose")
    yield slice(3, 4), {name: values[3:] for name, values in WHOLE.items()}


def empty() -> AnnData:
    return AnnData(shape=(4, 3), uns={"past": {"method": "by hand"}})


def test_in_memory_and_on_disk_hold_the_same(tmp_path: Path) -> None:
    for adata in (in_memory(empty(), blocks()), on_disk(tmp_path / "new/p.h5ad", empty(), blocks()).to_memory()):
        np.testing.assert_array_equal(adata.X, WHOLE["X"])
        np.testing.assert_array_equal(adata.layers["std"], WHOLE["std"])
        assert adata.uns["past"] == {"method": "by hand"}
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["p.h5ad"]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "p.h5ad").write_text("before")
    with pytest.raises(RuntimeError, match="on purpose"):
        on_disk(tmp_path / "p.h5ad", empty(), blocks(fails=True))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("p.h5ad", "before")]
