from pathlib import Path

import h5py
import numpy as np
import pytest

from past.base.errors import DataError
from past.slides.stored_features import StoredFeatures
from past.slides.tiles import PatchFile

FEATURES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
PATCHES = PatchFile(Path("patches.h5"), ("C", "A"), np.zeros((2, 2)))


def write(path: Path, features: np.ndarray, barcodes: list[str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["embeddings"], file["coords"] = features, np.zeros((len(features), 2))
        if barcodes:
            file["barcodes"] = np.array([[name.encode()] for name in barcodes])


def test_rows_come_in_the_order_of_the_patches_barcodes(tmp_path: Path) -> None:
    write(tmp_path / "S.h5", FEATURES, ["A", "B", "C"])
    assert StoredFeatures(tmp_path).features("IDC", "S", PATCHES).tolist() == [[5, 6], [1, 2]]


def test_a_tasks_own_folder_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "S.h5", FEATURES, ["A", "B", "C"])
    write(tmp_path / "IDC/S.h5", FEATURES + 10, ["A", "B", "C"])
    assert StoredFeatures(tmp_path).features("IDC", "S", PATCHES).tolist() == [[15, 16], [11, 12]]
    assert StoredFeatures(tmp_path).features("LUNG", "S", PATCHES).tolist() == [[5, 6], [1, 2]]


def test_without_barcodes_rows_are_the_patches_own_if_as_many(tmp_path: Path) -> None:
    write(tmp_path / "two.h5", FEATURES[:2])
    assert StoredFeatures(tmp_path).features("IDC", "two", PATCHES).tolist() == [[1, 2], [3, 4]]
    write(tmp_path / "three.h5", FEATURES)
    with pytest.raises(DataError, match="3 rows without barcodes for 2 spots"):
        StoredFeatures(tmp_path).features("IDC", "three", PATCHES)


def test_what_is_missing_or_not_finite_is_named(tmp_path: Path) -> None:
    stored = StoredFeatures(tmp_path)
    with pytest.raises(DataError, match=r"S: no features at .*IDC/S\.h5 or .*S\.h5"):
        stored.features("IDC", "S", PATCHES)
    write(tmp_path / "S.h5", FEATURES[:2], ["A", "B"])
    with pytest.raises(DataError, match=r"no features for 1 of 2 spots \(C, …\)"):
        stored.features("IDC", "S", PATCHES)
    write(tmp_path / "S.h5", np.where(FEATURES == 6, np.nan, FEATURES), ["A", "B", "C"])
    with pytest.raises(DataError, match=r"features of 1 of 2 spots are not finite \(C, …\)"):
        stored.features("IDC", "S", PATCHES)


def test_its_fingerprint_is_where_it_lies(tmp_path: Path) -> None:
    assert StoredFeatures(tmp_path / "x/..").fingerprint == str(tmp_path.resolve())
