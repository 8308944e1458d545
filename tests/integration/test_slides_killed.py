"""Features of slides, killed at any moment and shared by two processes: as those of one that never stopped."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from whole_slides import section, write_svs

from past.base.text.tables import read_words

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
NEVER = 10**9
SIZE = (600, 400)


def start(slides: Sequence[Path], out: Path, blocks: int = NEVER) -> "subprocess.Popen[bytes]":
    """Start the command, to be killed after it wrote so many blocks."""
    program = Path(__file__).parents[1] / "support" / "embed_plain.py"
    words = ["embed", *map(str, slides), "--encoder", "grid", "--out", str(out), "--tile-px", "32"]
    return subprocess.Popen(
        [sys.executable, program, str(blocks), *words, "--batch-size", "8", "--device", "cpu"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def features(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "summary.csv"}


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("slides")
    return [write_svs(folder / f"s{i}.svs", section(*SIZE, seed=i)) for i in range(3)]


@pytest.fixture(scope="module")
def whole(slides: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process leaves that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    assert start(slides, out).wait() == 0
    assert sorted(features(out)) == ["s0.h5", "s1.h5", "s2.h5"]
    return out


def test_kills_leave_no_trace(slides: list[Path], whole: Path, tmp_path: Path) -> None:
    for blocks in (4, 17):  # within the first slide; where the second is made out of its blocks, or begun
        assert start(slides, tmp_path, blocks).wait() == -signal.SIGKILL
    assert start(slides, tmp_path).wait() == 0
    assert features(tmp_path) == features(whole)


def test_two_processes_share_a_cohort(slides: list[Path], whole: Path, tmp_path: Path) -> None:
    both = [start(slides, tmp_path) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert features(tmp_path) == features(whole)
    states = [
        [(row["slide"], row["state"], row["tiles"]) for row in read_words(folder / "summary.csv", ["slide"], "")]
        for folder in (whole, tmp_path)
    ]
    assert states[0] == states[1] == [(f"s{i}", "done", "70") for i in range(3)]
