import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from past.base.files import atomic_file, create_once, remove_abandoned, write_atomically


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
