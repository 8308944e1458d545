"""Hostile and broken shards: each is refused by name, nothing in it runs, nothing large is made."""

import io
import json
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shards import members, samples_of, tar_of

from past.base.errors import DataError
from past.data.shards.npz import MAX_BYTES
from past.data.shards.tar import TarReader

KEY = "S0_0000000"


def with_entry(change: Callable[[tarfile.TarInfo], None]) -> bytes:
    info = tarfile.TarInfo(f"{KEY}.json")
    change(info)
    large = info.size >= 8 << 30
    return info.tobuf(tarfile.GNU_FORMAT if large else tarfile.USTAR_FORMAT) + bytes(1024)


def with_member(extension: str, content: bytes) -> bytes:
    return tar_of({**members(0), f"{KEY}.{extension}": content})


def test_samples_come_as_they_were_written() -> None:
    written = {name: body for number in range(3) for name, body in members(number).items()}
    cells = samples_of(tar_of(written))
    assert [cell.key for cell in cells] == ["S0_0000000", "S0_0000001", "S0_0000002"]
    for cell in cells:
        assert cell.image == written[f"{cell.key}.png"]
        with np.load(io.BytesIO(written[f"{cell.key}.npz"])) as arrays:
            for name, array in arrays.items():
                np.testing.assert_array_equal(getattr(cell, name), array)
        assert cell.meta == json.loads(written[f"{cell.key}.json"])


def set_type(kind: bytes, target: str = "/etc/passwd") -> Callable[[tarfile.TarInfo], None]:
    def change(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, target

    return change


def set_name(name: str) -> Callable[[tarfile.TarInfo], None]:
    return lambda info: setattr(info, "name", name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_entry(set_type(tarfile.SYMTYPE)), "'S0_0000000.json' is a symbolic link: refused"),
        (with_entry(set_type(tarfile.LNKTYPE)), "is a hard link: refused"),
        (with_entry(set_type(tarfile.CHRTYPE)), "is a character device: refused"),
        (with_entry(set_type(tarfile.BLKTYPE)), "is a block device: refused"),
        (with_entry(set_type(tarfile.FIFOTYPE)), "is a pipe: refused"),
        (with_entry(set_type(tarfile.DIRTYPE)), "is a folder: refused"),
        (with_entry(set_type(b"x")), "is an entry of type 'x': refused"),
        (with_entry(set_name("../../evil.json")), "the name '../../evil.json' is not KEY.EXTENSION: refused"),
        (with_entry(set_name("/etc/cron.json")), "the name '/etc/cron.json' is not KEY.EXTENSION"),
        (with_entry(set_name("a\nb.json")), r"the name 'a\nb.json' is not KEY.EXTENSION"),
        (with_entry(set_name("d" * 60 + "/" + "e" * 60)), "is not KEY.EXTENSION"),
        (with_entry(set_name("a.pkl")), "a.pkl does not belong in a shard (only jpg, webp, png, npz, json): refused"),
        (with_entry(set_name("a.pth")), "a.pth does not belong in a shard"),
        (with_entry(set_name("a.tar")), "a.tar does not belong in a shard"),
        (with_entry(lambda info: setattr(info, "size", 9 << 30)), "claims a size that is no octal number"),
        (with_entry(lambda info: setattr(info, "size", 2 << 20)), "claims 2,097,152 bytes: at most 1,048,576 are read"),
        (tar_of(members(0))[:700], "cut off: S0_0000000.png has"),
        (tar_of(members(0))[: -2 * 512 - tarfile.RECORDSIZE // 2], "cut off: "),
        (b"", "cut off: header after 0 samples has 0 of its 512 bytes"),
        (b"\x1f\x8b" + os.urandom(2000), "the header after 0 samples does not match its checksum: damaged"),
        (tar_of({f"{KEY}.png": b"1", f"{KEY}.npz": b""}), "sample S0_0000000: its members are png, npz: wanted"),
        (tar_of({f"{KEY}.png": b"", f"{KEY}.jpg": b"", f"{KEY}.npz": b""}), "its members are png, jpg, npz: wanted"),
    ],
)
def test_broken_archives_are_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError) as refused:
        samples_of(content)
    assert str(refused.value).startswith("S0.tar: ")
    assert message in str(refused.value)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_member("npz", pickle.dumps(Evil()) * 9), "does not end in a directory of 4 arrays"),
        (with_member("json", b"[" * 100_000), "its description: not JSON that is read here (nested too deep)"),
        (with_member("json", b'{"cell": "a"}'), "its json has no 'section'"),
        (with_member("json", b"\xff\xfe"), "its description: not UTF-8 text"),
        (with_member("json", b"9" * 9999), "its description: not JSON (Exceeds the limit"),
        (
            with_member("json", members(0)[f"{KEY}.json"].replace(b"0.5", b"NaN")),
            "its json gives mpp nan: wanted µm/px above 0",
        ),
        (with_member("json", members(0)[f"{KEY}.json"].replace(b"0.5", b"null")), "its json gives no mpp"),
        (with_member("json", members(0)[f"{KEY}.json"].replace(b"0.5", b"0")), "its json gives mpp 0: wanted"),
        (
            with_member("json", members(0)[f"{KEY}.json"].replace(b"0.5", b'0.5, "cell_type": [1]')),
            "its json gives cell_type [1]: wanted a word",
        ),
    ],
)
def test_broken_samples_are_refused(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as refused:
        samples_of(content)
    assert str(refused.value).startswith(f"S0.tar: sample {KEY}: ")
    assert message in str(refused.value)
    assert not list(tmp_path.iterdir()), "nothing in a shard is executed"


def test_reading_goes_on_after_a_broken_sample() -> None:
    contents = {**members(0), **members(1), **members(2)}
    contents["S0_0000001.json"] = b"{"
    reader = TarReader(io.BytesIO(tar_of(contents)), "S0.tar")
    assert reader.read() is not None
    with pytest.raises(DataError, match="sample S0_0000001"):
        reader.read()
    assert not reader.ended
    cell = reader.read()
    assert cell is not None
    assert cell.key == "S0_0000002"
    assert reader.read() is None
    assert reader.ended


def test_a_missing_member_takes_nothing_of_the_next_sample() -> None:
    contents = {**members(0), **members(1)}
    del contents[f"{KEY}.json"]
    reader = TarReader(io.BytesIO(tar_of(contents)), "S0.tar")
    with pytest.raises(DataError, match="its members are png, npz: wanted one image, npz and json"):
        reader.read()
    cell = reader.read()
    assert cell is not None
    assert cell.key == "S0_0000001"


def test_an_empty_shard_has_no_samples() -> None:
    assert samples_of(tar_of({})) == []
    with pytest.raises(DataError, match=r"S0.tar: ends after 0 samples; its index counts more"):
        TarReader(io.BytesIO(tar_of({})), "S0.tar").skip(1)


def test_an_endless_archive_costs_one_sample_at_a_time() -> None:
    used = sum(512 + len(body) + -len(body) % 512 for body in members(0).values())

    class Endless(io.RawIOBase):
        content, place = tar_of(members(0))[:used], 0

        def read(self, size: int = -1) -> bytes:
            part = (self.content[self.place :] + self.content)[:size]
            self.place = (self.place + size) % used
            return part

        def seek(self, offset: int, whence: int = 0) -> int:
            self.place = (self.place + offset) % used
            return self.place

    reader = TarReader(Endless(), "S0.tar")  # type: ignore[arg-type]
    cells = [reader.read() for _ in range(50)]
    assert [cell.key for cell in cells if cell is not None] == [KEY] * 50


@pytest.mark.parametrize(("extension", "most"), [("json", 1 << 20), ("npz", MAX_BYTES), ("png", 32 << 20)])
def test_a_member_of_more_than_its_kind_may_have_is_refused(extension: str, most: int) -> None:
    def claim(info: tarfile.TarInfo, size: int) -> None:
        info.name, info.size = f"{KEY}.{extension}", size

    with pytest.raises(DataError, match=f"claims {most + 1:,} bytes: at most {most:,} are read"):
        samples_of(with_entry(lambda info: claim(info, most + 1)))
    with pytest.raises(DataError, match="cut off"):  # it is read, and not there
        samples_of(with_entry(lambda info: claim(info, most)))
