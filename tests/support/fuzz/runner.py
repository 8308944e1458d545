"""Starts workers, gives them inputs, and notices when one crashes, hangs or says what it should not."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from fuzz.case import keep, kept_at

HANG = 10.0  # seconds that one input may take
START = 120.0  # seconds that a worker may take to import everything
SHOWN = 20  # failures after which a format is left


@dataclass
class Outcome:
    """What came of a format's inputs.

    Attributes:
        counts: of `read` and `refused`.
        failures: a line each, with the input's number and where it was kept.
        seconds: that it took.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def inputs(self) -> int:
        """How many inputs were read or refused."""
        return self.counts.total()


class Fuzzer:
    """One worker, started again after each crash and hang.

    Args:
        folder: for inputs; those that fail are kept in `failed` there.
        module: whose `FORMATS` the worker reads.
    """

    def __init__(self, folder: Path, module: str = "fuzz.formats", hang: float = HANG) -> None:
        self._folder, self._module, self._hang = folder, module, hang
        self._worker: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, end: int, first: int = 0) -> Outcome:
        """Try the inputs `first` … `end` - 1 of a format."""
        outcome, began, number = Outcome(), time.monotonic(), first
        while number < end and len(outcome.failures) < SHOWN:
            lines = self._asked(f"{self._module} {name} {number} {end}\n")
            if lines.next(START) != "ready":
                self._stop()
                raise RuntimeError(f"{name}: the sound input cannot be read: {self._last_words()}")
            while (line := lines.next(self._hang)) not in ("", "done") and len(outcome.failures) < SHOWN:
                where, said, *detail = line.split(" ", 2)
                number = int(where) + 1
                if said == "bad":
                    outcome.failures.append(self._told(name, int(where), json.loads(detail[0])))
                else:
                    outcome.counts[said] += 1
            if line == "done":
                break
            self._stop()
            if not line:
                keep(self._folder, name, number)
                outcome.failures.append(self._told(name, number, self._last_words()))
                number += 1
        outcome.seconds = time.monotonic() - began
        return outcome

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            self._worker = None

    def _asked(self, task: str) -> "_Lines":
        """Give the worker a task, one that is started where there is none; return its answers."""
        if self._worker is None:
            with (self._folder / "stderr").open("w") as errors:
                self._worker = subprocess.Popen(
                    [sys.executable, "-m", "fuzz.worker", str(self._folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
        assert self._worker.stdin is not None
        assert self._worker.stdout is not None
        self._worker.stdin.write(task.encode())
        self._worker.stdin.flush()
        return _Lines(self._worker.stdout)

    def _stop(self) -> None:
        """End a worker that does not answer, or answers no more; faulthandler writes where it was."""
        assert self._worker is not None
        try:
            self._worker.wait(1)  # it ended by itself
        except subprocess.TimeoutExpired:
            self._worker.send_signal(signal.SIGABRT)
        self.close()

    def _last_words(self) -> str:
        said = (self._folder / "stderr").read_text(errors="replace").strip().splitlines()
        places = [line.strip() for line in said if "Fatal Python error" in line or "/past/" in line]
        return f"crashed, or took over {self._hang:g} s: {' | '.join([*said[-1:], *places[:4]])}"

    def _told(self, name: str, number: int, what: str) -> str:
        """Return a failure's line, which says where its input is kept."""
        return f"{name} {number}: {what} [{kept_at(self._folder, name, number)}]"


class _Lines:
    """Lines of a pipe, waited for so long and no longer."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._handle = pipe.fileno()
        self._held = b""

    def next(self, seconds: float) -> str:
        """Return the next line; empty where none came in time, or the pipe ended."""
        end = time.monotonic() + seconds
        while b"\n" not in self._held:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._handle], [], [], left)[0]:
                return ""
            more = os.read(self._handle, 1 << 16)
            if not more:
                return ""
            self._held += more
        line, _, self._held = self._held.partition(b"\n")
        return line.decode()
