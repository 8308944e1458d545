import errno
import fcntl
import os
import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from past.base.disk.locks import remove_abandoned
from past.base.errors import ConfigError, NoSpaceError
from past.base.files import (
    atomic_file,
    atomic_path,
    continued_file,
    create_once,
    require_free,
    require_own,
    write_atomically,
)


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


@pytest.mark.parametrize("name", ["last.ckpt", "a[1]*.tar"])
def test_what_a_killed_writer_left_of_a_file_is_removed_by_the_next_one(tmp_path, name):
    (tmp_path / f".{name}.0.part").write_bytes(b"of a killed writer")
    (tmp_path / ".another.0.part").write_bytes(b"of another file")
    with atomic_file(tmp_path / name) as file:
        file.write(b"being written")
        write_atomically(tmp_path / name, "by another process, which sees that this writer lives")
    assert sorted(os.listdir(tmp_path)) == sorted([".another.0.part", name])
    assert (tmp_path / name).read_text() == "being written"


def test_what_is_there_is_refused(tmp_path):
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "file").touch()
    for name in ("nowhere", "file", "."):
        with pytest.raises(ConfigError, match="exists already and was left as it is: give another --out"):
            require_free(tmp_path / name)
    require_free(tmp_path / "free")


def test_only_what_bears_our_mark_is_made_again(tmp_path):
    require_own(tmp_path / "page", b"ours")
    (tmp_path / "page").write_text("by ours")
    require_own(tmp_path / "page", b"ours")
    with pytest.raises(
        ConfigError, match=r"page was not made by this program, or by an older version .*: move it away first$"
    ):
        require_own(tmp_path / "page", b"theirs")


@pytest.fixture(
    params=[(errno.ENOSYS, errno.ENOSYS), (errno.EOPNOTSUPP, errno.EOPNOTSUPP), (errno.ENOLCK, errno.EPERM)], ids=str
)
def poor_file_system(request, monkeypatch):
    """One without locks and hard links."""

    def refusing(number):
        def refuse(*_):
            raise OSError(number, os.strerror(number))

        return refuse

    monkeypatch.setattr(fcntl, "flock", refusing(request.param[0]))
    monkeypatch.setattr(os, "link", refusing(request.param[1]))


@pytest.mark.parametrize(("system", "name", "number"), [(fcntl, "flock", errno.EPERM), (os, "link", errno.ENOLCK)])
def test_what_says_nothing_of_locks_or_links_is_an_error(tmp_path, monkeypatch, system, name, number):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(system, name, refuse)
    with pytest.raises(OSError, match=os.strerror(number)):
        create_once(tmp_path / "a", "one")
    assert os.listdir(tmp_path) == []


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


def test_a_full_disk_is_an_error_and_no_missing_lock(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(NoSpaceError, match="a: no space left on its disk"):
        write_atomically(tmp_path / "a", "one")
    assert os.listdir(tmp_path) == []


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
        remove_abandoned(tmp_path.glob(".bench.*"))  # another process, which sees that this writer lives
        (part / "whole").touch()
    assert os.listdir(tmp_path / "bench") == ["whole"]
    with pytest.raises(OSError, match="bench"):
        write_other(tmp_path / "bench")
    assert os.listdir(tmp_path / "bench") == ["whole"]


def test_a_file_goes_on_where_an_earlier_process_stopped(tmp_path):
    place = tmp_path / "cache" / "of shards" / "a.part"
    for content in (b"one", b"two"):
        with continued_file(place) as (part, file):
            assert part == place
            file.write(content)
    assert place.read_bytes() == b"onetwo"


def go_on(tmp_path, content, fails=False):
    with continued_file(tmp_path / "a.part") as (part, file):
        assert file.seek(0, os.SEEK_END) == 0
        file.write(content)
        file.flush()
        if fails:
            raise KeyboardInterrupt
        part.replace(tmp_path / "a")


@pytest.mark.usefixtures("poor_file_system")
def test_where_there_are_no_locks_each_process_begins_anew(tmp_path):
    with continued_file(tmp_path / "a.part") as (_, file):
        file.write(b"by a slow one")
        go_on(tmp_path, b"whole")
    with pytest.raises(KeyboardInterrupt):
        go_on(tmp_path, b"half", fails=True)
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "whole"


def full(monkeypatch, code=errno.ENOSPC):
    """Let the disk be full when the file is brought to it."""

    def refuse(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch, code):
    write_atomically(tmp_path / "a", b"old")
    full(monkeypatch, code)
    cure = "MB of it fitted: free more than that and run the same command again, or give another place"
    for write in (lambda path: write_atomically(path, "new"), lambda path: create_once(path, "new"), write_other):
        with pytest.raises(NoSpaceError, match=rf"a: no space left on its disk, where [\d.]+ {cure}"):
            write(tmp_path / "a")
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


@contextmanager
def no_file_above(size):
    """As `ulimit -f`: a file can't grow further."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_badly(path):
    """As torch and HDF5 do: pass over a write that failed, and stumble over what follows from it."""
    with atomic_file(path) as file:
        file.write(b"x" * 1_000_000)
        raise RuntimeError("unexpected pos 64 vs 0")


def test_whatever_a_library_makes_of_a_failed_write_its_cause_is_told(tmp_path):
    for write in (write_badly, lambda path: write_atomically(path, b"x" * 1_000_000)):
        with no_file_above(10_000), pytest.raises(OSError, match=r"File too large: '.*a'"):
            write(tmp_path / "a")
    assert os.listdir(tmp_path) == []
