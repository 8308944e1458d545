"""Starts workers, gives them inputs, and notices when one crashes, hangs or says what it should not."""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

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
        self._worker: subprocess.Popen[str] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, end: int, first: int = 0) -> Outcome:
        """Try the inputs `first` … `end` - 1 of a format."""
        outcome, began, number = Outcome(), time.monotonic(), first
        while number < end and len(outcome.failures) < SHOWN:
            worker = self._started()
            self._ask(worker, f"{self._module} {name} {number} {end}\n")
            for line in self._answers(worker, number == first):
                where, said, *detail = line.split(" ", 2)
                number = int(where) + 1
                if said == "bad":
                    outcome.failures.append(self._kept(name, int(where), json.loads(detail[0])))
                else:
                    outcome.counts[said] += 1
                if len(outcome.failures) >= SHOWN:
                    self.close()
                    break
            else:
                if self._worker is None:  # it crashed, or was stopped
                    outcome.failures.append(self._kept(name, number, self._last_words()))
                    number += 1
        outcome.seconds = time.monotonic() - began
        return outcome

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.kill()
            self._worker.wait()
            self._worker = None

    def _started(self) -> "subprocess.Popen[str]":
        if self._worker is None:
            with (self._folder / "stderr").open("w") as errors:
                self._worker = subprocess.Popen(
                    [sys.executable, "-m", "fuzz.worker", str(self._folder)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
        return self._worker

    def _ask(self, worker: "subprocess.Popen[str]", task: str) -> None:
        assert worker.stdin is not None
        worker.stdin.write(task)
        worker.stdin.flush()

    def _answers(self, worker: "subprocess.Popen[str]", starting: bool):
        """Yield the worker's lines until it is done; `self._worker` is None afterwards where it did not come so far."""
        assert worker.stdout is not None
        lines = _Lines(worker.stdout)
        wait = START
        while (line := lines.next(wait)) != "done":
            if not line:
                if worker.poll() is None:
                    worker.send_signal(signal.SIGABRT)  # faulthandler writes where it was
                worker.wait()
                self._worker = None
                return
            yield line
            wait = self._hang

    def _last_words(self) -> str:
        said = (self._folder / "stderr").read_text(errors="replace").strip().splitlines()
        place = next((i for i, line in enumerate(said) if "Fatal Python error" in line), max(0, len(said) - 8))
        own = [line.strip() for line in said[place:] if "/past/" in line or "Fatal" in line]
        return f"crashed, or took over {self._hang:g} s: {' | '.join(own[:4] or said[-8:])}"

    def _kept(self, name: str, number: int, what: str) -> str:
        """Keep the input that lies in the worker's folder; return the failure's line."""
        kept = self._folder / "failed" / f"{name}-{number}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self._folder / "case", kept, dirs_exist_ok=True)
        return f"{name} {number}: {what} [{kept}]"


class _Lines:
    """Lines of a pipe, waited for so long and no longer."""

    def __init__(self, pipe: IO[str]) -> None:
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
