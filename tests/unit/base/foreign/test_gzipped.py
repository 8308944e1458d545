"""Gzip files are unpacked while they are read, and no further than text can be packed."""

import gzip
import random
from pathlib import Path

import pytest

from past.base.errors import DataError
from past.base.foreign.gzipped import SMALL, lines_of, open_bytes


def test_lines_are_the_same_packed_or_not(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\ntwo é\n".encode())
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress((tmp_path / "a.txt").read_bytes()))
    assert list(lines_of(tmp_path / "a.txt")) == list(lines_of(tmp_path / "a.txt.gz")) == ["one", "two é"]


def test_what_unpacks_to_more_than_text_does_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(SMALL + (1 << 20)), 1))
    with open_bytes(path) as file, pytest.raises(DataError, match=r"bomb\.gz: unpacks to over 100 times its size"):
        list(iter(lambda: len(file.read(1 << 20)), 0))


def test_large_text_is_read_to_its_end(tmp_path: Path) -> None:
    words = [f"{number:08x}" for number in random.Random(0).choices(range(2**32), k=100_000)]
    content = "\n".join(words * 80).encode()
    assert len(content) > SMALL
    (tmp_path / "a.gz").write_bytes(gzip.compress(content, 1))
    with open_bytes(tmp_path / "a.gz") as file:
        assert sum(len(part) for part in iter(lambda: file.read(1 << 20), b"")) == len(content)


def test_what_unpacks_to_exactly_the_limit_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.base.foreign.gzipped.SMALL", 1_000)
    monkeypatch.setattr("past.base.foreign.gzipped.PACKED", 1)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(1_000)))
    with open_bytes(tmp_path / "a.gz") as file:
        assert file.read() == bytes(1_000)
