"""SIGTERM while the training computes; each in a process of its own that is stuck in an operation."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from past.training.leaving import Leaving

STUCK = """
import ctypes, signal, sys
from pathlib import Path
from past.training.leaving import Leaving

signal.signal(signal.SIGTERM, lambda *_: None)
leaving = Leaving(float(sys.argv[1]), (signal.SIGTERM,), lambda number: "finishing this update")
if sys.argv[2] == "may":
    leaving.may_leave(lambda: Path(sys.argv[3]).write_text("saved"))
elif sys.argv[2] == "full":
    def full():
        raise OSError(28, "No space left on device")
    leaving.may_leave(full)
else:
    leaving.must_stay()
print("stuck", flush=True)
mutex = ctypes.create_string_buffer(64)
for _ in range(2):
    ctypes.CDLL(None).pthread_mutex_lock(mutex)
"""


def stuck(grace: float, may: str, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", STUCK, str(grace), may, str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "stuck\n"
    return process


def test_what_can_be_left_is_saved_and_left(tmp_path: Path) -> None:
    with stuck(0, "may", tmp_path / "out") as process:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[0]
    assert process.returncode == 143
    assert (tmp_path / "out").read_text() == "saved"
    assert "SIGTERM: finishing this update" in said
    assert "the update in hand is left out" in said


@pytest.mark.parametrize(("grace", "may", "saved"), [(1e6, "may", True), (0, "not", False)])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, grace: float, may: str, saved: bool) -> None:
    with stuck(grace, may, tmp_path / "out") as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGTERM)
        assert any("finishing" in line for line in process.stdout)
        while True:  # what follows within a second is the same signal, passed on twice
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=0.3)
                break
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 143
    assert (tmp_path / "out").exists() == saved


def test_a_full_disk_is_said_and_does_not_keep_it_alive(tmp_path: Path) -> None:
    with stuck(0, "full", tmp_path / "out") as process:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert said == "error: [Errno 28] No space left on device\n"


def test_afterwards_signals_go_where_they_went_before() -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    before = signal.set_wakeup_fd(write)
    handler = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        leaving = Leaving(10, (), lambda number: "")
        leaving.must_stay()
        leaving.stop()
        signal.raise_signal(signal.SIGUSR1)
        assert os.read(read, 10) == bytes([signal.SIGUSR1])
    finally:
        signal.set_wakeup_fd(before)
        signal.signal(signal.SIGUSR1, handler)
        os.close(read)
        os.close(write)
