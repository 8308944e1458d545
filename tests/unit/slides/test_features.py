from pathlib import Path

import h5py
import numpy as np
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.base.foreign import memory
from past.slides.features import read_feature_file

FEATURES = np.arange(12, dtype=np.float16).reshape(4, 3)
COORDS = np.arange(8).reshape(4, 2) * 224


@pytest.mark.parametrize(
    "content",
    [
        {"embeddings": FEATURES, "coords": COORDS, "barcodes": np.array([[b"A"], [b"B"], [b"C"], [b"D"]])},  # HEST
        {"features": FEATURES[None], "coords": COORDS[None]},  # TRIDENT, with a batch axis
        {"features": FEATURES, "coords": COORDS},  # CLAM
    ],
)
def test_h5_of_each_program_is_read(tmp_path: Path, content: dict[str, np.ndarray]) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        for name, values in content.items():
            file[name] = values
    read = read_feature_file(tmp_path / "f.h5")
    np.testing.assert_array_equal(read.features, FEATURES)
    np.testing.assert_array_equal(read.coords, COORDS)
    assert read.names == (("A", "B", "C", "D") if "barcodes" in content else None)


def test_tridents_corners_become_centres(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["features"], file["coords"] = FEATURES, COORDS
        file["coords"].attrs.update({"patch_size": 224, "patch_size_level0": 449, "level0_magnification": 40})
    np.testing.assert_array_equal(read_feature_file(tmp_path / "f.h5").coords, COORDS + 224.5)
    with h5py.File(tmp_path / "f.h5", "a") as file:
        file["coords"].attrs["patch_size_level0"] = -1
    with pytest.raises(DataError, match="patch_size_level0 -1 is no tile's side"):
        read_feature_file(tmp_path / "f.h5")


def test_anndata_is_read(tmp_path: Path) -> None:
    AnnData(FEATURES.astype(np.float32), obsm={"spatial": COORDS.astype(float)}).write_h5ad(tmp_path / "f.h5ad")
    read = read_feature_file(tmp_path / "f.h5ad")
    np.testing.assert_array_equal(read.features, FEATURES)
    np.testing.assert_array_equal(read.coords, COORDS)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such features file"):
        read_feature_file(tmp_path / "none.h5")
    (tmp_path / "cut.h5").write_bytes(b"\x89HDF")
    with pytest.raises(DataError, match="not an HDF5 file"):
        read_feature_file(tmp_path / "cut.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["img"] = FEATURES
    with pytest.raises(DataError, match="holds img; needs 'features' or 'embeddings', and 'coords'"):
        read_feature_file(tmp_path / "other.h5")


def test_sparse_features_are_read_where_they_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "f.h5ad"
    AnnData(csr_matrix(FEATURES.astype(np.float32)), obsm={"spatial": COORDS.astype(float)}).write_h5ad(path)
    np.testing.assert_array_equal(read_feature_file(path).features, FEATURES)
    for ends in ([0, 2, 5, 8, 0], [0, 9, 5, 8, 11]):
        with h5py.File(path, "r+") as file:
            file["X/indptr"][:] = ends  # type: ignore[index]
        with pytest.raises(DataError, match=rf"^{path}: its sparse matrix is broken \([^\n]*\): write the file again$"):
            read_feature_file(path)


def test_places_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    adata = AnnData(FEATURES.astype(np.float32), obsm={"spatial": csr_matrix(COORDS.astype(float))})
    adata.write_h5ad(tmp_path / "f.h5ad")
    with pytest.raises(
        DataError, match=r"^f\.h5ad: obsm\['spatial'\] holds what is no number \([^\n]*\): put each cell's"
    ):
        read_feature_file(tmp_path / "f.h5ad")


def test_sparse_features_that_do_not_fit_with_their_zeros_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adata = AnnData(csr_matrix((4_000, 10_000), dtype=np.float32))
    adata.obsm["spatial"] = np.zeros((4_000, 2))
    adata.write_h5ad(tmp_path / "f.h5ad")
    monkeypatch.setattr(memory, "available_memory", lambda: 150_000_000)
    with pytest.raises(DataError, match=r"f\.h5ad: its features with their zeros needs 0\.16 GB of memory"):
        read_feature_file(tmp_path / "f.h5ad")
