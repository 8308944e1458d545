"""Shards that lie elsewhere: behind http(s), or in a store that fsspec opens (s3://, gs://, az://, …).

A shard is fetched whole into a local cache before it is read: resumed where it was cut, checked against the index's
SHA-256, renamed into place. The processes of a machine share the cache; a shard that one of them reads stays in it.
"""

import contextlib
import fcntl
import hashlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

from past.base.disk.locks import lock, remove_abandoned
from past.base.errors import DataError, NoSpaceError
from past.base.files import continued_file
from past.base.text.address import file_at, hold, is_address, with_secrets
from past.data.shards.entries import Shard
from past.data.shards.index import INDEX, INDEX_BYTES, ShardIndex
from past.data.shards.reader import LocalShards, OpenShard
from past.data.shards.transfer import PATIENT, Transfer

OWN_FOLDER: Final = "past-shards"  # below the folder that the user gives, where other files may lie
OURS: Final = re.compile(r"[0-9a-f]{64}(\.tar|\.\d+(\.[0-9a-f]{32})?\.part)")  # names that this cache gives


@dataclass(frozen=True)
class CachedShards:
    """Opens the shards of an address, through a cache on this machine's disk.

    Attributes:
        url: where the shards and their index lie, as it may be shown.
        folder: the cache.
        limit: bytes that the cache may take, at least those of the shards that are read at the same time.
        transfer: how patient it is.
    """

    url: str
    folder: Path
    limit: int
    transfer: Transfer = PATIENT

    def __call__(self, shard: Shard) -> BinaryIO:
        """Open a shard, fetching it unless it is in the cache.

        Raises:
            DataError: it cannot be fetched, is not what the index says, or does not fit into the cache.
            NoSpaceError: it does not fit on the disk.
        """
        whole = self.folder / f"{shard.sha256}.tar"
        while True:
            with contextlib.suppress(FileNotFoundError):  # also if it was evicted a moment ago
                return _hold(whole)
            self._fetch(shard, whole)

    def _fetch(self, shard: Shard, whole: Path) -> None:
        # one process fetches it, the others wait here; where there are no locks, each fetches its own
        with continued_file(self.folder / f"{shard.sha256}.{shard.bytes}.part") as (part, file):
            self._fetch_into(file, part, shard, whole)

    def _fetch_into(self, file: BinaryIO, part: Path, shard: Shard, whole: Path) -> None:
        if whole.exists():
            part.unlink(missing_ok=True)
            return
        self._make_room()
        try:
            self.transfer.fetch(file_at(with_secrets(self.url), shard.name), file, shard.bytes)
        except OSError as error:
            part.unlink()
            raise NoSpaceError(
                f"{self.folder}: no space left for {shard.name}, {shard.bytes / 1e6:,.1f} MB: free more than that, "
                "or give data.cache=DIR on another disk, or a smaller data.cache_gb"
            ) from error
        file.seek(0)
        if hashlib.file_digest(cast(io.BufferedRandom, file), "sha256").hexdigest() != shard.sha256:
            file.truncate(0)
            raise DataError(
                f"{self.url}/{shard.name}: not the bytes that the index was made of: damaged there, or replaced "
                "by another version; upload shards and index again"
            )
        part.replace(whole)

    def _make_room(self) -> None:
        """Evict the shards that were not read for longest, until all that is here or on its way fits."""
        with (self.folder / "lock").open("ab") as one_at_a_time:
            lock(one_at_a_time)
            files = [path for path in self.folder.iterdir() if OURS.fullmatch(path.name)]
            sizes = {path: _size(path) for path in sorted(files, key=_last_read)}
            total = sum(sizes.values())
            for path, size in sizes.items():
                if total > self.limit and _evict(path):
                    total -= size
        if total > self.limit:
            raise DataError(
                f"data.cache_gb={self.limit / 1e9:g} is full of shards that are being read, {total / 1e9:.1f} GB: "
                "give it more, or read fewer at the same time (data.open_shards)"
            )


def _hold(path: Path) -> BinaryIO:
    """Open a shard of the cache so that nobody evicts it until it is closed."""
    file = path.open("rb")
    lock(file, fcntl.LOCK_SH)
    if os.fstat(file.fileno()).st_nlink == 0:
        file.close()
        raise FileNotFoundError(path)
    os.utime(path)
    return file


def _evict(path: Path) -> bool:
    """Remove a shard that nobody reads, or a part that nobody fetches any more; return whether it is gone."""
    if path.suffix == ".part":
        remove_abandoned([path])
    else:
        with contextlib.suppress(OSError), path.open("r+b") as file:  # NFS locks only what may be written
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it is being read
            path.unlink()  # where there are no locks, who reads it keeps what was opened
    return not path.exists()


def _size(path: Path) -> int:
    """Bytes that a file of the cache takes, or will take when it is fetched: its name says how many."""
    with contextlib.suppress(FileNotFoundError):
        return int(path.name.split(".")[1]) if path.suffix == ".part" else path.stat().st_size
    return 0


def _last_read(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


def open_set(root: str, cache: Path, limit: int, transfer: Transfer = PATIENT) -> tuple[ShardIndex, OpenShard]:
    """Read the index of a directory or an address, and return it with what opens its shards.

    Args:
        root: a directory, or an address (`https://…`, `s3://…`), whose secrets are held.
        cache: directory for shards of an address; they lie in a folder of their own in it.
        limit: bytes that the cache may take.
        transfer: how patient the transfers are.

    Raises:
        DataError: not there, or not an index.
    """
    if not is_address(root):
        return ShardIndex.read(root), LocalShards(root)
    root, file = hold(root), io.BytesIO()
    transfer.fetch(file_at(with_secrets(root), INDEX), file, limit=INDEX_BYTES)
    index = ShardIndex.from_json(file.getvalue(), root)
    return index, CachedShards(root, cache.expanduser() / OWN_FOLDER, limit, transfer)
