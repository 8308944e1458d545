"""What a server claims stretches nothing; what an address keeps secret goes to its server, and nowhere else."""

import io
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from http_server import Server, serving
from shards import write_set

from past.base.errors import DataError
from past.base.text.address import HELD
from past.data.shards.index import INDEX, ShardIndex
from past.data.shards.remote import CachedShards, open_set
from past.data.shards.transfer import Transfer

HASTY = Transfer(attempts=2, timeout=5, pause=0)
SECRET = "s3cr3t-of-the-user"
QUERY = f"X-Amz-Credential=AKIA&X-Amz-Signature={SECRET}"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv(HELD, "")
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(tmp_path / "set") as about:
        yield about


@pytest.fixture
def index(server: Server) -> ShardIndex:
    return write_set(server.root, [6, 3, 9])


def with_user(server: Server, user: str = "user") -> str:
    return server.url.replace("://", f"://{user}:{SECRET}@")


def test_an_index_that_claims_to_be_large_is_not_awaited(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    server.claims = 10**12
    tracemalloc.start()
    with pytest.raises(DataError, match=r"index.json: it has 1,000,000,000,000 bytes or more, at most 67,108,864 are"):
        open_set(server.url, tmp_path, 10**9, HASTY)
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert server.asked.total() == 1


@pytest.mark.parametrize("chunked", [True, False])
def test_an_index_that_is_large_is_read_to_a_bound(
    server: Server, index: ShardIndex, chunked: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also where its server says no size."""
    server.chunked = chunked
    size = (server.root / INDEX).stat().st_size
    file = io.BytesIO()
    with pytest.raises(DataError, match=rf"at most {size - 1:,} are read: is it another file\?"):
        HASTY.fetch(f"{server.url}/{INDEX}", file, limit=size - 1)
    assert len(file.getvalue()) <= size
    HASTY.fetch(f"{server.url}/{INDEX}", (exact := io.BytesIO()), limit=size)
    assert exact.getvalue() == (server.root / INDEX).read_bytes()


def test_answers_without_a_length_are_read(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    server.chunked = True
    found, open_shard = open_set(server.url, tmp_path / "cache", 10**9, HASTY)
    assert found.shards == index.shards
    for shard in found.shards:
        assert open_shard(shard).read() == (server.root / shard.name).read_bytes()


def test_answers_without_a_length_that_break_off_go_on(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    server.chunked, server.cut_after = True, 3_000
    found, open_shard = open_set(server.url, tmp_path / "cache", 10**9, HASTY)
    assert open_shard(found.shards[2]).read() == (server.root / found.shards[2].name).read_bytes()


@pytest.mark.parametrize("how", [{"drips": True, "claims": 60 << 20}, {"drips": True, "chunked": True}])
def test_a_trickle_is_given_up_whatever_is_claimed(server: Server, index: ShardIndex, how: dict[str, Any]) -> None:
    vars(server).update(how)
    with pytest.raises(DataError, match=r"index.json: slower than 64 KiB/s: given up|2 times in a row"):
        Transfer(2, 0.2, 0).fetch(f"{server.url}/{INDEX}", io.BytesIO(), limit=64 << 20)
    assert server.dripped < 100


def test_headers_that_trickle_are_given_up(server: Server, index: ShardIndex) -> None:
    server.drips_head = True
    with pytest.raises(DataError, match=r"index.json: timed out, 1 times in a row: given up after 0 bytes"):
        Transfer(1, 0.3, 0).fetch(f"{server.url}/{INDEX}", io.BytesIO(), limit=64 << 20)
    assert 0 < server.dripped < 100


def test_a_fast_beginning_buys_no_trickle(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much has come, a transfer may be late by `timeout` and no more."""
    clock = iter([0.0, *(1.0 + i for i in range(99))])
    monkeypatch.setattr("past.data.shards.transfer.time.monotonic", lambda: next(clock))

    class Body(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return self.read(1 if self.tell() else 1 << 20)

    class Store:
        def open(self, *_: object) -> Body:
            return Body(bytes(2 << 20))

        def size(self, *_: object) -> int:
            return 2 << 20

    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda url: (Store(), url))
    file = io.BytesIO()
    with pytest.raises(DataError, match="slower than"):
        Transfer(1, 5, 0).fetch("gs://a/b", file, 2 << 20)
    assert len(file.getvalue()) == (1 << 20) + 6


def test_an_address_with_a_user_works_and_is_not_shown(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    server.wants = "Basic dXNlcjpzM2NyM3Qtb2YtdGhlLXVzZXI="
    found, open_shard = open_set(with_user(server), tmp_path / "cache", 10**9, HASTY)
    assert found.root == server.url
    assert open_shard(found.shards[0]).read() == (server.root / found.shards[0].name).read_bytes()
    assert set(server.given) == {server.wants}
    assert SECRET not in repr(found) + repr(open_shard)


def test_a_query_stays_behind_every_files_path(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    server.wants = QUERY
    found, open_shard = open_set(f"{server.url}?{QUERY}", tmp_path / "cache", 10**9, HASTY)
    assert found.root == server.url
    assert open_shard(found.shards[0]).read() == (server.root / found.shards[0].name).read_bytes()
    assert dict(server.asked) == {"/index.json": 1, "/S0-000000.tar": 1}
    assert SECRET not in repr(found) + repr(open_shard)


def test_netrc_gives_what_the_address_does_not(server: Server, index: ShardIndex, tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login user password {SECRET}\n")
    (tmp_path / ".netrc").chmod(0o600)
    server.wants = "Basic dXNlcjpzM2NyM3Qtb2YtdGhlLXVzZXI="
    assert open_set(server.url, tmp_path / "cache", 10**9, HASTY)[0].shards == index.shards


def test_a_redirect_elsewhere_does_not_take_the_password_along(
    server: Server, index: ShardIndex, tmp_path: Path
) -> None:
    with serving(server.root) as other:
        server.moved_to = other.url
        open_set(with_user(server), tmp_path / "cache", 10**9, HASTY)
    assert (len(server.given), other.given) == (1, [None])


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 403, "failures": 9},
        {"status": 404, "failures": 9},
        {"status": 503, "failures": 9},
        {"status": 503, "failures": 1},
        {"cut_after": 0},
        {"claims": 10**12},
        {"moved_to": "file:///etc"},
    ],
    ids=str,
)
def test_no_message_and_no_log_has_a_secret(
    server: Server, index: ShardIndex, tmp_path: Path, trouble: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    vars(server).update(trouble)
    said = ""
    try:
        open_set(f"{with_user(server)}?{QUERY}", tmp_path, 10**9, HASTY)
    except DataError as error:
        said = str(error)
        assert said.startswith(f"{server.url}/index.json: ")
        if trouble.get("status") == 403:
            assert "a run keeps its address without user, password and query: give data.root= whole again" in said
    else:
        assert "503 Service Unavailable: trying again" in caplog.text
    assert SECRET not in said + caplog.text
    assert "AKIA" not in said + caplog.text


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (f"nosuch://user:{SECRET}@a/b?token={SECRET}", "nosuch://a/b/index.json: no address that is read"),
        (f"http://user:{SECRET}@h.invalid:port/x", "http://h.invalid:port/x/index.json: "),
        (f"http://user:{SECRET}@127.0.0.1:1/x?a={SECRET}\x7f", "http://127.0.0.1:1/x/index.json: "),
        (f"memory://user:{SECRET}@a/b?sig={SECRET}", "memory://a/b/index.json: "),
        (f"memory://user:{SECRET[:3]}/{SECRET}@a/b", "memory://a/b/index.json: "),
    ],
)
def test_other_programs_messages_lose_the_secrets(
    address: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HELD, "")
    monkeypatch.setattr("past.data.shards.transfer.STORES", ("memory",))
    with pytest.raises(DataError) as refused:
        open_set(address, tmp_path, 10**9, Transfer(1, 1, 0))
    assert str(refused.value).startswith(name)
    assert SECRET not in str(refused.value)


def test_keys_in_an_address_of_s3_are_given_to_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HELD, "")
    index = write_set(tmp_path / "set", [3])
    asked: list[tuple[str, dict[str, Any]]] = []

    def url_to_fs(url: str, **options: Any) -> tuple[Any, str]:
        asked.append((url, options))
        return fsspec.filesystem("file"), url.replace("s3://bucket", str(tmp_path))

    monkeypatch.setattr(fsspec.core, "url_to_fs", url_to_fs)
    found, open_shard = open_set(f"s3://AKIA:{SECRET}/+@bucket/set", tmp_path / "cache", 10**9, HASTY)
    assert found.root == "s3://bucket/set"
    assert isinstance(open_shard, CachedShards)
    open_shard(index.shards[0]).close()
    assert asked == [
        (f"s3://bucket/set/{name}", {"key": "AKIA", "secret": f"{SECRET}/+"}) for name in (INDEX, index.shards[0].name)
    ]


@pytest.mark.parametrize(
    "address",
    [
        "reference::file:///a/refs.json",
        "reference://a",
        "zip://index.json::http://127.0.0.1:9/x.zip",
        "s3://bucket/a::file:///etc/passwd",
        "github://org:repo@main/a",
        "memory://a",
    ],
)
def test_only_stores_of_a_closed_list_are_opened(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsspec.core, "url_to_fs", lambda *_: pytest.fail("fsspec was asked"))
    with pytest.raises(DataError, match=r"no address that is read \(http, https, file, s3"):
        Transfer(1, 1, 0).fetch(address, io.BytesIO(), limit=10)


@pytest.mark.parametrize("silent", ["size", "open", "read"])
def test_a_store_that_never_answers_is_given_up(silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is asked, and whether or not it has deadlines of its own."""
    (tmp_path / "a").write_bytes(b"12345")
    asked, released = [], threading.Event()

    def wait(*_: object, **__: object) -> None:
        asked.append(1)
        released.wait(60)

    target = (
        type(fsspec.filesystem("file").open(tmp_path / "a")) if silent == "read" else type(fsspec.filesystem("file"))
    )
    for name in (silent, "read1") if silent == "read" else (silent,):
        monkeypatch.setattr(target, name, wait, raising=False)
    impatient = Transfer(attempts=2, timeout=0.2, pause=0, slowest=1 << 30)
    with pytest.raises(DataError, match=r"/a: TimeoutError, 2 times in a row: given up after 0 bytes"):
        impatient.fetch((tmp_path / "a").as_uri(), io.BytesIO(), 5)
    assert len(asked) == 2
    released.set()
