"""What a reader may not do with a file of somebody else's, noticed while it reads.

Python's own calls are seen by an audit hook; what C libraries open (HDF5 follows links itself) is seen by inotify on a
folder of the user's own, beside the input, whose files the hostile inputs name.
"""

import ctypes
import os
import resource
import struct
import sys
import sysconfig
from pathlib import Path

MEMORY = 2 << 30  # bytes that reading one input may take
_OPENED = 0x20 | 0x1 | 0x2  # IN_OPEN, IN_ACCESS, IN_MODIFY
_NEVER = {
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request",
    "subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "ctypes.dlopen", "pickle.find_class", "webbrowser.open", "pty.spawn", "ftplib.connect", "http.client.connect",
}  # fmt: skip
_ON_PATHS = {
    "open": 1, "os.remove": 1, "os.rename": 2, "os.mkdir": 1, "os.rmdir": 1, "os.link": 2, "os.symlink": 2,
    "os.truncate": 1, "os.chmod": 1, "os.chown": 1, "shutil.rmtree": 1, "shutil.move": 2, "shutil.copyfile": 2,
    "shutil.unpack_archive": 1, "tempfile.mkstemp": 1, "tempfile.mkdtemp": 1, "sqlite3.connect": 1,
}  # event → how many of its arguments are paths  # fmt: skip
_SYSTEM = ("/proc/self/", "/proc/meminfo", "/sys/fs/cgroup/", "/dev/null", "/dev/urandom", "/usr/share/zoneinfo/")


class Watch:
    """Notices, between `begin` and `end`, what was touched outside a folder.

    Args:
        folder: where the input lies; all in it may be opened.
        outside: a folder of the user's own; none of it may be opened.
    """

    def __init__(self, folder: Path, outside: Path) -> None:
        own = Path(__file__).resolve().parents[3]  # the repository: its modules are imported late
        library = {sys.prefix, sys.base_prefix, sys.exec_prefix, *sysconfig.get_paths().values(), str(own)}
        self._allowed = tuple(f"{os.path.realpath(path)}/" for path in [*library, folder])
        self._outside = os.path.realpath(outside)
        self._armed = False
        self._seen: list[str] = []
        self._inotify = _inotify(outside)
        sys.addaudithook(self._notice)

    def begin(self) -> None:
        """Notice from now on."""
        _drained(self._inotify)
        self._seen = []
        self._armed = True

    def end(self) -> list[str]:
        """Notice no more; return what was seen, an event each."""
        self._armed = False
        return self._seen + _drained(self._inotify)

    def _notice(self, event: str, arguments: tuple) -> None:
        if not self._armed:
            return
        if event in _NEVER:
            self._seen.append(f"{event} {arguments!r:.200}")
        elif event in _ON_PATHS:
            for path in arguments[: _ON_PATHS[event]]:
                if isinstance(path, str | bytes | os.PathLike) and self._is_outside(os.fsdecode(path)):
                    self._seen.append(f"{event} {os.fsdecode(path)!r:.200}")

    def _is_outside(self, path: str) -> bool:
        if os.path.normpath(os.path.abspath(path)).startswith(_SYSTEM):
            return False
        real = os.path.realpath(path)
        return real.startswith(self._outside) or not f"{real}/".startswith(self._allowed)


def limit_memory() -> None:
    """Let this process take MEMORY bytes more than it has now; then allocations fail."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, most))


def lift_memory() -> None:
    """Take the limit away."""
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _inotify(folder: Path) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if handle < 0 or libc.inotify_add_watch(handle, os.fsencode(folder), _OPENED) < 0:
        raise OSError(ctypes.get_errno(), "inotify")
    return handle


def _drained(handle: int) -> list[str]:
    try:
        events = os.read(handle, 1 << 16)
    except BlockingIOError:
        return []
    found, place = set(), 0
    while place < len(events):
        length = struct.unpack_from("iIII", events, place)[3]
        found.add(os.fsdecode(events[place + 16 : place + 16 + length].rstrip(b"\0")))
        place += 16 + length
    return [f"opened by a library: {name}" for name in sorted(found)]
