"""Shards in a bucket: a real S3 protocol on this machine, spoken by moto's server."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from shards import write_set

from past.base.errors import DataError
from past.data.shards.remote import open_set
from past.data.shards.transfer import Transfer
from past.data.stream.plan import Reading
from past.data.stream.stream import shard_stream

s3fs = pytest.importorskip("s3fs", reason="the extra s3 is not installed")
HASTY = Transfer(attempts=2, timeout=5.0, pause=0.01)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    """A server for this test alone; the client finds it as users of other stores than Amazon's say it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    s3fs.S3FileSystem.clear_instance_cache()
    yield server
    server.stop()


def test_a_bucket_is_read_like_a_folder(server: ThreadedMotoServer, tmp_path: Path) -> None:
    local = write_set(tmp_path / "set", [5, 1, 7])
    store = s3fs.S3FileSystem()
    store.mkdir("tissue")
    store.put(f"{tmp_path}/set/", "tissue/shards/", recursive=True)

    index, open_shard = open_set("s3://tissue/shards", tmp_path / "cache", 10**9, HASTY)

    assert index.shards == local.shards
    found = shard_stream(index, rank=0, seed=0, reading=Reading(batch_size=4), open_shard=open_shard)
    here = shard_stream(local, rank=0, seed=0, reading=Reading(batch_size=4))
    for batch, own in zip(found, here, strict=True):
        assert [(cell.key, cell.image) for cell in batch.samples] == [(cell.key, cell.image) for cell in own.samples]


def test_what_is_not_in_the_bucket_is_named(server: ThreadedMotoServer, tmp_path: Path) -> None:
    s3fs.S3FileSystem().mkdir("empty")
    with pytest.raises(DataError, match=r"s3://empty/shards/index.json: .*check the address"):
        open_set("s3://empty/shards", tmp_path / "cache", 10**9, HASTY)


def test_a_store_that_goes_away_is_given_up(server: ThreadedMotoServer, tmp_path: Path) -> None:
    write_set(tmp_path / "set", [5])
    store = s3fs.S3FileSystem()
    store.mkdir("gone")
    store.put(f"{tmp_path}/set/", "gone/shards/", recursive=True)
    index, open_shard = open_set("s3://gone/shards", tmp_path / "cache", 10**9, HASTY)
    server.stop()
    with pytest.raises(DataError, match=r"s3://gone/shards/S0-000000.tar: .*2 times in a row: given up after 0 bytes"):
        open_shard(index.shards[0])
