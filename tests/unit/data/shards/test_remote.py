"""Shards behind a real HTTP server that is slow, cuts connections and returns 503s; and behind fsspec."""

import errno
import fcntl
import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest
from http_server import Server, serving
from shards import keys_of, write_set

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.remote import OWN_FOLDER, CachedShards, open_set
from past.data.shards.transfer import Transfer
from past.data.stream.plan import Reading
from past.data.stream.stream import shard_stream

HASTY = Transfer(attempts=3, timeout=5, pause=0)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path / "set") as about:
        yield about


@pytest.fixture
def index(server: Server) -> ShardIndex:
    return write_set(server.root, [6, 3, 9])


def read_all(index: ShardIndex, open_shard: Callable[[Shard], object]) -> list[str]:
    stream = shard_stream(index, rank=0, seed=0, reading=Reading(), open_shard=open_shard)  # type: ignore[arg-type]
    return [cell.key for batch in stream for cell in batch.samples]


@pytest.mark.parametrize(
    "trouble",
    [{}, {"failures": 2}, {"failures": 2, "status": 429}, {"cut_after": 3_000}, {"ranges": False}],
    ids=str,
)
def test_every_cell_comes_through_whatever_the_server_does(
    server: Server, index: ShardIndex, tmp_path: Path, trouble: dict[str, int]
) -> None:
    vars(server).update(trouble)
    found, open_shard = open_set(server.url, tmp_path / "cache", 10**9, HASTY)
    assert found.shards == index.shards
    assert open_shard == CachedShards(server.url, tmp_path / "cache" / OWN_FOLDER, 10**9, HASTY)
    assert sorted(read_all(found, open_shard)) == sorted(keys_of(index))
    asked = server.asked.total()
    assert sorted(read_all(found, open_shard)) == sorted(keys_of(index))
    assert server.asked.total() == asked, "the second epoch comes from the cache"


def test_a_fetch_that_was_killed_goes_on_where_it_was(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    shard = index.shards[0]
    whole = (server.root / shard.name).read_bytes()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"{shard.sha256}.{shard.bytes}.part").write_bytes(whole[:2_000])
    server.cut_after = len(whole) - 2_000  # enough for the rest, and for no more
    with CachedShards(server.url, tmp_path / "cache", 10**9, HASTY)(shard) as file:
        assert file.read() == whole
    assert server.asked.total() == 1


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        ({"failures": 99, "status": 404}, "404 Not Found: check the address, and that it may be read from here"),
        ({"failures": 99, "status": 403}, "403 Forbidden: check the address"),
        ({"failures": 99}, "503 Service Unavailable, 3 times in a row: given up after 0 bytes"),
        ({"cut_after": 0}, "cut off, 3 times in a row: given up after 0 bytes"),
    ],
)
def test_a_server_that_does_not_mend_is_named(
    server: Server, index: ShardIndex, tmp_path: Path, trouble: dict[str, int], message: str
) -> None:
    vars(server).update(trouble)
    with pytest.raises(DataError) as refused:
        CachedShards(server.url, tmp_path / "cache", 10**9, HASTY)(index.shards[1])
    assert str(refused.value).startswith(f"{server.url}/S1-000000.tar: {message}")


def test_a_server_that_says_nothing_is_given_up(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    server.silent = True
    with pytest.raises(DataError, match=r"timed out, 1 times in a row: given up after 0 bytes"):
        CachedShards(server.url, tmp_path / "cache", 10**9, Transfer(1, 0.05, 0))(index.shards[0])


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"http://127.0.0.1:1/index.json: .*refused.*, 2 times in a row"):
        open_set("http://127.0.0.1:1", tmp_path, 10**9, Transfer(2, 5, 0))


def test_a_trickle_is_given_up(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    server.drips = True
    shard = index.shards[0]
    with pytest.raises(DataError, match=r"S0-000000.tar: slower than 1,024 KiB/s: given up"):
        CachedShards(server.url, tmp_path / "cache", 10**9, Transfer(1, 0.5, 0, slowest=1 << 20))(shard)
    assert 0 < server.dripped < shard.bytes, "given up long before its end"


def test_other_bytes_than_the_index_says_are_refused(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    cached = CachedShards(server.url, tmp_path / "cache", 10**9, HASTY)
    path = server.root / index.shards[0].name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"S0-000000.tar: not the bytes that the index was made of"):
        cached(index.shards[0])
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match=r"it has \d+ bytes, not the \d+ of the index: another version?"):
        cached(index.shards[0])
    assert not list((tmp_path / "cache").glob("*.tar"))


def test_the_cache_is_bounded_and_keeps_what_is_read(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    sizes = [shard.bytes for shard in index.shards]
    limit = max(sizes[0] + sizes[1], sizes[1] + sizes[2])
    cached = CachedShards(server.url, tmp_path / "cache", limit, HASTY)
    cached(index.shards[0]).close()
    kept = cached(index.shards[1])
    cached(index.shards[2]).close()
    there = {path.stem for path in (tmp_path / "cache").glob("*.tar")}
    assert there == {index.shards[1].sha256, index.shards[2].sha256}
    with pytest.raises(DataError, match=r"data.cache_gb=\S+ is full of shards that are being read"):
        replace(cached, limit=sizes[1])(index.shards[0])
    kept.close()
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= limit


def test_processes_wait_for_the_one_that_fetches(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    shard, cache = index.shards[2], tmp_path / "cache"
    cached = CachedShards(server.url, cache, 10**9, HASTY)
    cache.mkdir()
    part = cache / f"{shard.sha256}.{shard.bytes}.part"
    got: list[int] = []
    with part.open("a+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: got.append(len(cached(shard).read())))
        waiting.start()
        other.write((server.root / shard.name).read_bytes())
        other.flush()
        part.replace(cache / f"{shard.sha256}.tar")
    waiting.join()
    assert got == [shard.bytes]
    assert not server.asked


def test_a_store_that_fsspec_opens(
    server: Server, index: ShardIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("past.data.shards.transfer.STORES", ("memory", "nosuch"))
    memory = fsspec.filesystem("memory")
    for path in server.root.iterdir():
        memory.pipe(f"/past-test/{path.name}", path.read_bytes())
    found, open_shard = open_set("memory://past-test", tmp_path / "cache", 10**9, HASTY)
    assert sorted(read_all(found, open_shard)) == sorted(keys_of(index))
    memory.rm("/past-test/S1-000000.tar")
    (tmp_path / "cache" / OWN_FOLDER / f"{index.shards[1].sha256}.tar").unlink()
    with pytest.raises(DataError, match=r"memory://past-test/S1-000000.tar: .*check the address"):
        open_shard(index.shards[1])
    with pytest.raises(DataError, match=r"nosuch://a/index.json: Protocol not known"):
        open_set("nosuch://a", tmp_path, 10**9, HASTY)


def test_an_index_that_names_paths_is_refused(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    text = (server.root / "index.json").read_text()
    for old, new in (("S0-000000.tar", "../../S0.tar"), (index.shards[0].sha256, "../../etc")):
        (server.root / "index.json").write_text(text.replace(old, new))
        with pytest.raises(DataError, match=r"index.json: .*: not an index of shards, or the file was changed by hand"):
            open_set(server.url, tmp_path, 10**9, HASTY)


def test_a_fetched_index_is_the_file(server: Server, index: ShardIndex) -> None:
    file = io.BytesIO()
    server.cut_after = 700
    HASTY.fetch(f"{server.url}/index.json", file, limit=10_000)
    assert (
        hashlib.sha256(file.getvalue()).digest() == hashlib.sha256((server.root / "index.json").read_bytes()).digest()
    )


def test_the_users_own_files_in_the_cache_folder_stay(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    """Also where room is short, and whatever they are called."""
    cache = tmp_path / "cache"
    own = [
        cache / "thesis.tar",
        cache / "thesis.part",
        cache / OWN_FOLDER / "thesis.tar",
        cache / OWN_FOLDER / "b.part",
    ]
    for path in own:
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(b"0" * 10_000)
    largest = max(shard.bytes for shard in index.shards)
    found, open_shard = open_set(server.url, cache, largest, HASTY)
    for shard in found.shards:
        open_shard(shard).close()
    assert all(path.read_bytes() == b"0" * 10_000 for path in own)
    assert len([path for path in (cache / OWN_FOLDER).glob("*.tar") if path not in own]) == 1


def test_without_locks_a_shard_is_fetched_all_the_same(
    server: Server, index: ShardIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with CachedShards(server.url, tmp_path, 10**9, HASTY)(index.shards[0]) as file:
        assert file.read() == (server.root / index.shards[0].name).read_bytes()
    assert {path.name for path in tmp_path.iterdir()} >= {f"{index.shards[0].sha256}.tar", "lock"}


def test_without_locks_what_is_being_fetched_is_not_evicted(
    server: Server, index: ShardIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")  # NFS, which locks only what may be written

    monkeypatch.setattr(fcntl, "flock", refuse)
    other = tmp_path / f"{'0' * 64}.40000.{'1' * 32}.part"  # another process's, which writes it now
    other.write_bytes(b"half")
    sizes = [shard.bytes for shard in index.shards]
    open_shard = CachedShards(server.url, tmp_path, max(sizes) + 40_000, HASTY)
    for shard in index.shards:
        open_shard(shard).close()
    assert other.read_bytes() == b"half"
    assert [path.name for path in tmp_path.glob("*.tar")] == [f"{index.shards[-1].sha256}.tar"]


@pytest.mark.parametrize(("again", "evicted"), [(0, 1), (1, 0)])
def test_the_shard_that_was_not_read_for_longest_is_evicted_first(tmp_path: Path, again: int, evicted: int) -> None:
    index = write_set(tmp_path / "there", [3, 3, 3])
    sizes = [shard.bytes for shard in index.shards]
    open_shard = CachedShards((tmp_path / "there").as_uri(), tmp_path / "cache", max(sizes) * 2, HASTY)
    names = [f"{shard.sha256}.tar" for shard in index.shards]
    for age, shard in ((300, index.shards[0]), (200, index.shards[1])):
        open_shard(shard).close()
        when = time.time() - age
        os.utime(tmp_path / "cache" / f"{shard.sha256}.tar", (when, when))
    open_shard(index.shards[again]).close()
    open_shard(index.shards[2]).close()
    assert {path.name for path in (tmp_path / "cache").glob("*.tar")} == {*names} - {names[evicted]}
