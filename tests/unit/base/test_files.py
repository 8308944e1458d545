import errno
import fcntl
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from past.base.files import DAY, atomic_file, atomic_path, create_once, remove_abandoned, write_atomically


def test_a_reader_sees_the_old_or_the_new_file(tmp_path):
    path = tmp_path / "deep" / "file"
    write_atomically(path, "old µ")
    with atomic_file(path) as file:
        file.write(b"half")
        assert path.read_text() == "old µ"
    assert path.read_bytes() == b"half"
    assert os.listdir(path.parent) == ["file"]


def write_half(path):
    with atomic_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_a_writer_that_fails_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    with pytest.raises(KeyboardInterrupt):
        write_half(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_of_many_writers_one_makes_the_file(tmp_path):
    path = tmp_path / "settings.json"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: (create_once(path, f"by {i}"), i), range(40)))
    assert [f"by {i}" for first, i in made if first] == [path.read_text()]
    assert os.listdir(tmp_path) == ["settings.json"]


def test_only_what_a_killed_writer_left_is_removed(tmp_path):
    (tmp_path / ".one.tar.0.part").write_bytes(b"of a killed writer")
    (tmp_path / ".two.json.0.part").write_bytes(b"of another file")
    with atomic_file(tmp_path / "three.tar") as file:
        file.write(b"being written")
        remove_abandoned(tmp_path, "*.tar")
    assert sorted(os.listdir(tmp_path)) == [".two.json.0.part", "three.tar"]


@pytest.fixture(params=[errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def poor_file_system(request, monkeypatch):
    """One without locks and hard links."""

    def refuse(*_):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("poor_file_system")
def test_files_are_made_where_there_are_no_locks_and_no_links(tmp_path):
    write_atomically(tmp_path / "a", "one")
    assert create_once(tmp_path / "b", "two")
    assert not create_once(tmp_path / "b", "three")
    with atomic_path(tmp_path / "c") as part:
        part.mkdir()
        (part / "inner").write_text("four")
    assert [(tmp_path / name).read_text() for name in ("a", "b", "c/inner")] == ["one", "two", "four"]
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c"]


@pytest.mark.usefixtures("poor_file_system")
def test_without_locks_only_leftovers_of_yesterday_are_removed(tmp_path):
    for name, age in (("old", 2 * DAY), ("new", 0)):
        part = tmp_path / f".{name}.0.part"
        part.write_text("half")
        os.utime(part, (time.time() - age,) * 2)
    remove_abandoned(tmp_path, "*")
    assert os.listdir(tmp_path) == [".new.0.part"]


def test_a_full_disk_is_an_error_and_no_missing_lock(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "a", "one")


def write_half_a_folder(path):
    with atomic_path(path) as part:
        part.mkdir()
        (part / "half").touch()
        raise KeyboardInterrupt


def write_other(path):
    with atomic_path(path) as part:
        part.mkdir()
        (part / "other").touch()


def test_a_folder_is_there_whole_or_not_at_all(tmp_path):
    left = tmp_path / f".bench.{os.getpid()}.part"
    (left / "of a killed writer with our own process id").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        write_half_a_folder(tmp_path / "bench")
    assert os.listdir(tmp_path) == []
    with atomic_path(tmp_path / "bench") as part:
        part.mkdir()
        remove_abandoned(tmp_path, "bench")  # another process, which sees that this writer lives
        (part / "whole").touch()
    assert os.listdir(tmp_path / "bench") == ["whole"]
    with pytest.raises(OSError, match="bench"):
        write_other(tmp_path / "bench")
    assert os.listdir(tmp_path / "bench") == ["whole"]
