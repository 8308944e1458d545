"""The reader of arrays: plain ones come as they are; anything else in an archive is refused, and nothing in it runs."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from past.base.errors import DataError
from past.data.shards.cell_format import pack
from past.data.shards.npz import check_rows, read_arrays, unpack

GENES = 30  # of the list


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def plain_arrays() -> dict[str, np.ndarray]:
    """A cell of two genes with one neighbour of one."""
    return {
        "genes": np.array([1, 4, 2], np.uint16),
        "counts": np.array([1, 2, 3], np.uint8),
        "offsets": np.array([0, 2, 3], np.int32),
        "positions": np.array([[5, 6], [7, 8.5]], np.float32),
    }


def an_npz(**changed: np.ndarray) -> bytes:
    return npz(**{**plain_arrays(), **changed})


@pytest.mark.parametrize("written", [pack(plain_arrays()), an_npz()])
def test_arrays_come_as_they_were(written: bytes) -> None:
    arrays = read_arrays(written, GENES)
    assert list(arrays) == ["genes", "counts", "offsets", "positions"]
    for name, right in plain_arrays().items():
        assert arrays[name].dtype == right.dtype
        np.testing.assert_array_equal(arrays[name], right)
        assert not arrays[name].flags.writeable  # the archive's own bytes


def test_deflated_arrays_are_read_too() -> None:
    file = io.BytesIO()
    np.savez_compressed(file, **plain_arrays())
    assert read_arrays(file.getvalue())["counts"].tolist() == [1, 2, 3]


def test_exactly_the_arrays_that_are_asked_for() -> None:
    assert unpack(npz(a=np.arange(3), b=np.ones((2, 2))), ("a", "b"), 1 << 10)["b"].tolist() == [[1, 1], [1, 1]]
    with pytest.raises(DataError, match="the npz has no array 'b'"):
        unpack(npz(a=np.arange(3)), ("a", "b"), 1 << 10)
    with pytest.raises(DataError, match="claims 8,128 bytes for 'b': at most 5,872 are read"):
        unpack(npz(a=np.zeros(500), b=np.zeros(1000)), ("a", "b"), 10_000)


def test_rows_are_bounded() -> None:
    check_rows(plain_arrays(), "positions", 2, GENES)
    with pytest.raises(DataError, match=r"offsets has shape \(3,\) of int32"):
        check_rows(plain_arrays(), "positions", 1, GENES)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


def zip_of(name: str, content: bytes, size: int | None = None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    whole = bytearray(file.getvalue())
    if size is not None:
        start = whole.rindex(b"PK\1\2")
        whole[start + 24 : start + 28] = size.to_bytes(4, "little")
    return bytes(whole)


def claiming(shape: str, content: bytes = bytes(8)) -> bytes:
    header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return zip_of("genes.npy", b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (an_npz(genes=np.array([1, 30, 2], np.uint16)), "genes holds ids from 1 to 30: not in the gene list"),
        (an_npz(genes=np.array([1, -4, 2], np.int32)), "genes holds ids from -4 to 2"),
        (an_npz(genes=np.array([4, 1, 2], np.uint16)), "genes does not ascend within a row"),
        (an_npz(genes=np.array([4, 4, 2], np.uint16)), "genes does not ascend within a row"),
        (an_npz(genes=np.array([1, 4, 3], np.uint16), offsets=np.array([0, 3, 3])), "genes does not ascend within"),
        (an_npz(counts=np.array([1, np.nan, 3], np.float32)), "counts holds a number that is not above 0"),
        (an_npz(counts=np.array([1, np.inf, 3], np.float32)), "counts holds a number that is not above 0"),
        (an_npz(counts=np.array([1, -2, 3], np.int32)), "counts holds a number that is not above 0"),
        (an_npz(counts=np.array([1, 2.5, 3], np.float32)), "counts holds a number that is not whole"),
        (an_npz(counts=np.array([1, 0, 3], np.uint8)), "counts holds a number that is not above 0"),
        (an_npz(counts=np.array([1, 2], np.uint8)), "counts (2,): wanted (n,) of both"),
        (an_npz(offsets=np.array([0, 3], np.int32)), "positions has shape (2, 2): wanted (1, 2) finite"),
        (an_npz(offsets=np.array([0, 3, 2], np.int32)), "offsets does not rise from 0 to 3"),
        (an_npz(offsets=np.array([], np.int32)), "offsets has shape (0,) of int32"),
        (
            an_npz(positions=np.full((2, 2), np.nan, np.float32)),
            "positions has shape (2, 2): wanted (2, 2) finite",
        ),
        (an_npz(genes=np.array(["a", "b", "c"])), "is not a plain array in C order of one of"),
        (an_npz(genes=np.array([Evil()], dtype=object)), "is not a plain array in C order of one of"),
        (an_npz(extra=np.zeros(1)), "does not end in a directory of 4 arrays"),
        (zip_of("x.pkl", pickle.dumps(Evil())), "the npz holds b'x.pkl': only the arrays"),
        (zip_of("genes.npy", b"\x93NUMPY\1\0"), "'genes' is not a .npy 1.0 array"),
        (claiming("(1000000000,)"), "claims shape (1000000000,), 2,000,000,000 bytes, and holds 8"),
        (claiming("(-5,)"), "is not a plain array"),
        (zip_of("genes.npy", bytes(100 << 20)), "claims 104,857,600 bytes for 'genes'"),
        (zip_of("genes.npy", bytes(80 << 20), 4096), "does not match its checksum: damaged"),
        (b"PK", "the npz is cut off after 2 bytes"),
        (pickle.dumps(Evil()) * 9, "does not end in a directory of 4 arrays"),
    ],
)
def test_broken_arrays_are_refused(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as refused:
        read_arrays(content, GENES)
    assert message in str(refused.value)
    assert not list(tmp_path.iterdir()), "nothing in an archive is executed"
