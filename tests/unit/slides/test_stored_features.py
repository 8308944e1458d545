from pathlib import Path

import h5py
import numpy as np
import pytest

from past.base.errors import DataError
from past.slides.stored_features import StoredFeatures
from past.slides.tiles import PatchFile

FEATURES = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
PLACES = np.array([[0, 0], [100, 0], [200, 0]])  # of C, A and another
PATCHES = PatchFile(Path("patches.h5"), ("C", "A"), PLACES[:2])


def write(path: Path, features: np.ndarray, barcodes: list[str] | None = None, coords: np.ndarray = PLACES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["embeddings"], file["coords"] = features, coords[: len(features)]
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


def test_without_barcodes_rows_are_found_by_place_and_never_by_their_order(tmp_path: Path) -> None:
    write(tmp_path / "S.h5", FEATURES, coords=PLACES[[1, 2, 0]])
    assert StoredFeatures(tmp_path).features("IDC", "S", PATCHES).tolist() == [[5, 6], [1, 2]]
    write(tmp_path / "far.h5", FEATURES[:2], coords=PLACES[:2] + 30)
    with pytest.raises(DataError, match=r"no features for 2 of 2 spots of patches\.h5 \(C at 0, 0, …\)"):
        StoredFeatures(tmp_path).features("IDC", "far", PATCHES)


def test_a_barcode_twice_and_unlike_lengths_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "S.h5", FEATURES, ["A", "C", "A"])
    with pytest.raises(DataError, match=r"1 names of rows occur more than once \(A…\)"):
        StoredFeatures(tmp_path).features("IDC", "S", PATCHES)
    write(tmp_path / "T.h5", FEATURES, ["A", "C"])
    with pytest.raises(DataError, match="2 barcodes for 3 tiles: write one a tile"):
        StoredFeatures(tmp_path).features("IDC", "T", PATCHES)


def test_what_is_missing_or_not_finite_is_named(tmp_path: Path) -> None:
    stored = StoredFeatures(tmp_path)
    with pytest.raises(DataError, match=r"S: no features at .*IDC/S\.h5 or .*S\.h5"):
        stored.features("IDC", "S", PATCHES)
    write(tmp_path / "S.h5", FEATURES[:2], ["A", "B"])
    with pytest.raises(DataError, match=r"no features for 1 of 2 spots of patches\.h5 \(C at 0, 0, …\)"):
        stored.features("IDC", "S", PATCHES)
    write(tmp_path / "S.h5", np.where(FEATURES == 6, np.nan, FEATURES), ["A", "B", "C"])
    with pytest.raises(DataError, match=r"features of 1 of 2 spots are not finite \(C, …\)"):
        stored.features("IDC", "S", PATCHES)


def test_its_fingerprint_is_where_it_lies(tmp_path: Path) -> None:
    assert StoredFeatures(tmp_path / "x/..").fingerprint == str(tmp_path.resolve())
