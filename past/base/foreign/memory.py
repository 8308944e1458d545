"""How much memory this process may still take, so that a file's claim is refused before it is believed."""

import resource
from contextlib import suppress
from pathlib import Path
from typing import Final

from past.base.errors import DataError

SMALL: Final = 64 << 20  # bytes that are not asked for
_GROUPS = (  # limit and use of a container's memory, control groups of version 2 and 1
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def available_memory() -> int:
    """Return the bytes that may still be taken: of the machine, the container, and this process (`ulimit -v`)."""
    left = [1 << 62]
    with suppress(OSError):
        said = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        left.append(int(said["MemAvailable"].split()[0]) * 1024)
    for limit, use in _GROUPS:
        with suppress(OSError, ValueError):  # no such group, or "max"
            left.append(int(Path(limit).read_text()) - int(Path(use).read_text()))
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        with suppress(OSError):
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            left.append(limit - pages * resource.getpagesize())
    return max(0, min(left))


def require_memory(wanted: int, what: str, cure: str) -> None:
    """Raise DataError where `wanted` bytes are more than may be taken; `what` names the file and what needs them."""
    if wanted <= SMALL:
        return
    left = available_memory()
    if wanted > left:
        raise DataError(f"{what} needs {wanted / 1e9:,.2f} GB of memory, and {left / 1e9:,.2f} GB are free: {cure}")
