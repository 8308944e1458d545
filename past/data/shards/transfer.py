"""Fetching a file from http(s), or from any store that fsspec knows (s3://, gs://, …), within bounds of our own.

How many bytes are kept follows from the size that the index says, or the limit of the kind of file; how long is waited
follows from the bytes that have come. What a server says that it will send stretches neither.
"""

import contextlib
import logging
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, BinaryIO, Final, cast

from past.base.disk.space import is_full
from past.base.errors import DataError
from past.base.text.address import CURE, hidden, shown, without_user

log = logging.getLogger(__name__)

READ_BYTES: Final = 1 << 20
AHEAD_BYTES: Final = 8 << 20  # more than fsspec's files read ahead at once
SLOWEST: Final = 64 << 10  # bytes/s below which a transfer is given up: nothing waits for ever
_FINAL: Final = (400, 401, 403, 404, 405, 410)  # answers that another try will not change
# What fsspec opens for us. It knows more (files inside files, repositories, `reference` with templates that older
# versions ran as code), and an address may stand in somebody else's run.
STORES: Final = ("file", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
_STORES_WITH_KEYS: Final = ("s3://", "s3a://")


@dataclass(frozen=True)
class Transfer:
    """How patient a transfer is.

    Attributes:
        attempts: tries in a row that bring nothing after which it is given up.
        timeout: seconds without an answer that end a try; and how far it may fall behind `slowest`.
        pause: seconds before the second such try, doubled before each further one.
        slowest: bytes/s that it must make.
    """

    attempts: int = 6
    timeout: float = 30.0
    pause: float = 0.5
    slowest: float = SLOWEST

    def fetch(self, address: str, file: BinaryIO, size: int | None = None, limit: int = 0) -> None:
        """Append to `file` what it lacks of the bytes at `address`.

        Args:
            address: whole, with its secrets; messages show it without.
            file: open for reading and writing.
            size: bytes that are there; None: unknown.
            limit: bytes that are read at most where that is unknown.

        Raises:
            DataError: not there, not allowed, of another size, too large, too slow, or cut off too often; names the
                address as it may be shown, and the cause.
            OSError: the disk is full.
        """
        name, most = shown(address), limit if size is None else size
        have, useless, behind, whole = file.seek(0, os.SEEK_END), 0, 0.0, False
        while not whole and (size is None or have < size):
            cause, last = "cut off", time.monotonic()
            try:
                with _open(address, have, self.timeout, AHEAD_BYTES / self.slowest) as (body, start, end):
                    _require_size(name, end, size, most)
                    file.truncate(file.seek(start))
                    # what has come, however little: a read that waits for a whole part would wait for a trickle
                    read = getattr(body, "read1", body.read)
                    while part := read(min(READ_BYTES, most + (size is None) - file.tell())):
                        file.write(part)
                        now = time.monotonic()
                        behind, last = max(0.0, behind + now - last - len(part) / self.slowest), now
                        if behind > self.timeout:
                            raise DataError(f"{name}: slower than {self.slowest / 1024:,.0f} KiB/s: given up")
                    _require_size(name, file.tell(), None, most)
                    whole = file.tell() == end if end is not None else size is None
            except urllib.error.HTTPError as error:
                cause = f"{error.code} {hidden(str(error.reason), address)}"
                if error.code in _FINAL:
                    raise _cannot(name, cause, CURE if error.code in (401, 403) else "") from None
            except (FileNotFoundError, PermissionError) as error:
                raise _cannot(name, hidden(str(error), address)) from None
            except (OSError, HTTPException) as error:
                if is_full(error):
                    raise  # this machine's disk: no fault of the address
                cause = hidden(str(error), address) or type(error).__name__
            useless = 0 if file.tell() > have else useless + 1
            have = file.tell()
            if useless >= self.attempts:
                raise DataError(f"{name}: {cause}, {useless} times in a row: given up after {have:,} bytes")
            if useless:
                log.warning("%s: %s: trying again", name, cause)
                time.sleep(self.pause * 2 ** (useless - 1))


PATIENT: Final = Transfer()


def _require_size(name: str, found: int | None, size: int | None, most: int) -> None:
    """Raise DataError where a file has another size than the index says, or a larger one than is read of its kind."""
    if found is not None and size is not None and found != size:
        raise DataError(f"{name}: it has {found} bytes, not the {size} of the index: another version?")
    if found is not None and found > most:
        raise DataError(f"{name}: it has {found:,} bytes or more, at most {most:,} are read: is it another file?")


def _cannot(name: str, cause: str, cure: str = "") -> DataError:
    more = f"; {cure}" if cure else ""
    return DataError(f"{name}: {cause}: check the address, and that it may be read from here{more}")


@contextlib.contextmanager
def _open(address: str, start: int, timeout: float, more: float) -> Iterator[tuple[BinaryIO, int, int | None]]:
    """Open `address` at byte `start`; yields the body, where it really starts (some servers ignore the wish), its end.

    The end is None where the server does not say it. A store, which reads ahead, gets `more` seconds for each answer.
    """
    bare, user, password = without_user(address)
    if bare.startswith(("http://", "https://")):
        request = urllib.request.Request(bare, headers={"Range": f"bytes={start}-"} if start else {})
        if user is not None:
            token = b64encode(f"{user}:{password or ''}".encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {token}")  # to that server, and to no other
        with _opener.open(request, timeout=timeout) as answer:
            start = start if answer.status == 206 else 0
            yield answer, start, None if answer.length is None else start + answer.length
        return
    if bare.partition("://")[0] not in STORES or "::" in bare:
        known = ", ".join(("http", "https", *STORES))
        raise DataError(f"{shown(address)}: no address that is read ({known}): give one, or a folder")
    import fsspec

    keys = {"key": user, "secret": password} if user and password and bare.startswith(_STORES_WITH_KEYS) else {}
    try:
        system, path = fsspec.core.url_to_fs(bare if keys else address, **keys)
    except (ImportError, ValueError) as error:
        raise DataError(f"{shown(address)}: {hidden(str(error), address)}") from None
    try:
        size = _in_time(timeout, system.size, path)
        with _in_time(timeout, system.open, path, "rb") as file:
            file.seek(start)
            yield cast("BinaryIO", _Timed(file, timeout + more)), start, size
    except (OSError, DataError):
        raise
    except Exception as error:  # every store has exceptions of its own
        raise OSError(hidden(str(error), address)) from error


@dataclass(frozen=True)
class _Timed:
    """A store's file of which every read ends in time."""

    file: BinaryIO
    seconds: float

    def read(self, size: int) -> bytes:
        return _in_time(self.seconds, getattr(self.file, "read1", self.file.read), size)


def _in_time(seconds: float, ask: Callable[..., Any], *given: object) -> Any:
    """Return what a store answers; TimeoutError where it does not in time, for its own deadlines may be none.

    The thread that waits for it is left behind then.
    """
    answer: Future[Any] = Future()

    def wait() -> None:
        try:
            answer.set_result(ask(*given))
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            answer.set_exception(error)

    threading.Thread(target=wait, daemon=True).start()
    return answer.result(timeout=seconds)


class _Answer(HTTPResponse):
    """An answer whose head must be there within the connection's timeout, not only each next byte of it."""

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._socket, self._late = sock, False

    def begin(self) -> None:
        """Read status and headers."""
        late = threading.Timer(self._socket.gettimeout() or 0.0, self._hang_up)
        late.daemon = True
        late.start()
        failure = None
        try:
            super().begin()
        except (OSError, HTTPException) as error:
            failure = error
        finally:
            late.cancel()
        if self._late:  # a head that was cut off within its lines raises nothing by itself
            raise TimeoutError("timed out")
        if failure is not None:
            raise failure

    def _hang_up(self) -> None:
        self._late = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    response_class = _Answer


class _Handler(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _SecureHandler(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        return self.do_open(_SecureConnection, req)


_opener = urllib.request.build_opener(_Handler, _SecureHandler)
