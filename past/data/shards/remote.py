"""Shards that lie elsewhere: behind http(s), or in any store that fsspec knows (s3://, gs://, …).

A shard is fetched whole into a local cache before it is read: resumed where it was cut, checked against the index's
SHA-256, renamed into place. The processes of a machine share the cache; a shard that one of them reads stays in it.
"""

import contextlib
import fcntl
import hashlib
import io
import logging
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, Final, cast

from past.base.disk.locks import lock
from past.base.disk.space import is_full
from past.base.errors import DataError, NoSpaceError
from past.base.files import continued_file
from past.data.shards.index import INDEX, Shard, ShardIndex
from past.data.shards.reader import LocalShards, OpenShard

log = logging.getLogger(__name__)

READ_BYTES: Final = 1 << 20
SLOWEST: Final = 64 << 10  # bytes/s below which a transfer is given up: nothing waits for ever
OWN_FOLDER: Final = "past-shards"  # below the folder that the user gives, where other files may lie
OURS: Final = re.compile(r"[0-9a-f]{64}(\.tar|\.\d+(\.[0-9a-f]{32})?\.part)")  # names that this cache gives
_FINAL: Final = (400, 401, 403, 404, 405, 410)  # answers that another try will not change


@dataclass(frozen=True)
class Transfer:
    """How patient a transfer is.

    Attributes:
        attempts: tries in a row that bring nothing after which it is given up.
        timeout: seconds without an answer that end a try.
        pause: seconds before the second such try, doubled before each further one.
        slowest: bytes/s over the whole, below which it is given up.
    """

    attempts: int = 6
    timeout: float = 30.0
    pause: float = 0.5
    slowest: float = SLOWEST

    def fetch(self, url: str, file: BinaryIO, size: int | None = None) -> None:
        """Append to `file` what it lacks of the bytes at `url`, `size` of them (None: as many as there are).

        Raises:
            DataError: not there, not allowed, of another size, too slow, or cut off too often; names url and cause.
        """
        have, began, useless = file.seek(0, os.SEEK_END), time.monotonic(), 0
        while size is None or have < size:
            cause = "cut off"
            try:
                with _open(url, have, self.timeout) as (body, start, end):
                    if end is None or (size is not None and end != size):
                        raise DataError(f"{url}: it has {end} bytes, not the {size} of the index: another version?")
                    size = end
                    file.truncate(file.seek(start))
                    # what has come, however little: a read that waits for a whole part would wait for a trickle
                    read = getattr(body, "read1", body.read)
                    while part := read(min(READ_BYTES, size - file.tell())):
                        file.write(part)
                        if time.monotonic() - began > self.timeout + size / self.slowest:
                            raise DataError(f"{url}: slower than {self.slowest / 1024:,.0f} KiB/s: given up")
            except urllib.error.HTTPError as error:
                cause = f"{error.code} {error.reason}"
                if error.code in _FINAL:
                    raise _cannot(url, cause) from error
            except (FileNotFoundError, PermissionError) as error:
                raise _cannot(url, str(error)) from error
            except (OSError, HTTPException) as error:
                if is_full(error):
                    raise  # this machine's disk: no fault of the address
                cause = str(error) or type(error).__name__
            useless = 0 if file.tell() > have else useless + 1
            have = file.tell()
            if useless >= self.attempts:
                raise DataError(f"{url}: {cause}, {useless} times in a row: given up after {have:,} bytes")
            if useless:
                log.warning("%s: %s: trying again", url, cause)
                time.sleep(self.pause * 2 ** (useless - 1))


def _cannot(url: str, cause: str) -> DataError:
    return DataError(f"{url}: {cause}: check the address, and that it may be read from here")


@contextlib.contextmanager
def _open(url: str, start: int, timeout: float) -> Iterator[tuple[BinaryIO, int, int | None]]:
    """Open `url` at byte `start`; yields the body, where it really starts (some servers ignore the wish), its end."""
    if url.startswith(("http://", "https://")):
        request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            start = start if answer.status == 206 else 0
            yield answer, start, None if answer.length is None else start + answer.length
        return
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise DataError(f"{url}: {error}") from error
    try:
        with system.open(path, "rb") as file:
            file.seek(start)
            yield cast("BinaryIO", file), start, cast("int", system.size(path))
    except (OSError, DataError):
        raise
    except Exception as error:  # every store has exceptions of its own
        raise OSError(str(error)) from error


@dataclass(frozen=True)
class CachedShards:
    """Opens the shards of an address, through a cache on this machine's disk.

    Attributes:
        url: where the shards and their index lie.
        folder: the cache.
        limit: bytes that the cache may take, at least those of the shards that are read at the same time.
        transfer: how patient it is.
    """

    url: str
    folder: Path
    limit: int
    transfer: Transfer = Transfer()

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
            self.transfer.fetch(f"{self.url.rstrip('/')}/{shard.name}", file, shard.bytes)
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
    with contextlib.suppress(OSError), path.open("rb") as file:
        lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: it is being read or fetched
        path.unlink()
        return True
    return False


def _size(path: Path) -> int:
    """Bytes that a file of the cache takes, or will take when it is fetched: its name says how many."""
    with contextlib.suppress(FileNotFoundError):
        return int(path.name.split(".")[1]) if path.suffix == ".part" else path.stat().st_size
    return 0


def _last_read(path: Path) -> float:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime
    return 0.0


def open_set(root: str, cache: Path, limit: int, transfer: Transfer = Transfer()) -> tuple[ShardIndex, OpenShard]:
    """Read the index of a directory or an address, and return it with what opens its shards.

    Args:
        root: a directory, or an address (`https://…`, `s3://…`).
        cache: directory for shards of an address; they lie in a folder of their own in it.
        limit: bytes that the cache may take.
        transfer: how patient the transfers are.

    Raises:
        DataError: not there, or not an index.
    """
    if "://" not in root:
        return ShardIndex.read(root), LocalShards(root)
    file = io.BytesIO()
    transfer.fetch(f"{root.rstrip('/')}/{INDEX}", file)
    index = ShardIndex.from_json(file.getvalue().decode("utf-8", "replace"), root)
    return index, CachedShards(root, cache.expanduser() / OWN_FOLDER, limit, transfer)
