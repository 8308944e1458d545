from pathlib import Path

import numpy as np
import pytest

from past.base.disk.hdf5 import new_hdf5
from past.base.foreign.hdf5 import open_hdf5


def write_half(path: Path) -> None:
    with new_hdf5(path) as file:
        file["a"] = np.arange(3)
        raise KeyboardInterrupt


def test_a_new_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with new_hdf5(tmp_path / "a.h5") as file:
        file["a"] = np.arange(2)
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "a.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file["a"][:].tolist() == [0, 1]
