"""What may still be taken is measured, and more is refused by name."""

import resource
import subprocess
import sys

import pytest

from past.base.errors import DataError
from past.base.foreign.memory import SMALL, available_memory, require_memory


def test_what_is_free_is_less_than_the_machine_has() -> None:
    with open("/proc/meminfo") as file:
        total = int(next(line for line in file if line.startswith("MemTotal")).split()[1]) * 1024
    assert 0 < available_memory() < total


def test_a_claim_beyond_it_is_refused_and_a_small_one_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.base.foreign.memory.available_memory", lambda: 100 << 20)
    with pytest.raises(DataError, match=r"^a\.h5 needs 0\.20 GB of memory, and 0\.10 GB are free: read it elsewhere$"):
        require_memory(200_000_000, "a.h5", "read it elsewhere")
    require_memory(100 << 20, "a.h5", "")
    monkeypatch.setattr("past.base.foreign.memory.available_memory", lambda: 0)
    require_memory(SMALL, "a.h5", "")


def test_the_limit_of_the_process_counts() -> None:
    program = (
        "import resource; from past.base.foreign.memory import available_memory\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({1 << 30}, resource.getrlimit(resource.RLIMIT_AS)[1]))\n"
        "print(available_memory())"
    )
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < int(found.stdout) < 1 << 30
