"""A disk of 40 MB that ends while each writer is at work: one sentence, nothing lost, and the same again succeeds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import every_command as commands
import pytest
from tiny_training import ROOT

from past.base.errors import NoSpaceError
from past.data.shards.index import ShardIndex
from past.data.shards.verify import verify
from past.training.checkpoint_io import read_checkpoint
from past.training.metrics_csv import MetricsCSV

pytestmark = [pytest.mark.usefixtures("training_environment"), pytest.mark.slow]
SIZE = 40_000_000
PAGE = 4096  # bytes that a file takes at least


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 40 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", folder], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(
            f"no file system can be mounted here ({done.stderr.strip()}): it takes root in a machine or container"
        )
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@dataclass(frozen=True)
class Given:
    """Inputs of every command, on another disk."""

    cells: Path
    runs: Path
    released: tuple[Path, Path, Path]
    model: Path
    sections: list[Path]
    bench: Path
    slide: tuple[object, ...]
    trained: Path


@pytest.fixture(scope="module")
def given(tissue: Path, tmp_path_factory: pytest.TempPathFactory) -> Given:
    root = tmp_path_factory.mktemp("given")
    environment = dict(os.environ)
    commands.train(tissue, root / "runs", "judged", "trainer.max_epochs=1")
    os.environ.clear()
    os.environ.update(environment)
    released = commands.write_stpath(root / "released", width=256)
    commands.past("import", "stpath", released[0], "--genes", released[1], "--out", root / "model")
    sections = commands.write_sections(root / "sections")
    return Given(
        tissue,
        root / "runs",
        released,
        root / "model",
        sections,
        commands.make_bench(sections, root / "bench"),
        commands.slide_words(root / "slide"),
        commands.write_slide_stpath(root / "slide_stpath"),
    )


@dataclass(frozen=True)
class Writer:
    """What writes to the disk.

    Attributes:
        write: the command, told the inputs and the disk.
        left: bytes that are free when it begins.
        named: what its sentence must name.
        keeps: its unfinished files that the next run goes on with.
    """

    write: Callable[[Given, Path], object]
    left: int
    named: str
    keeps: str = "nothing"


WRITERS = {
    "shards": Writer(lambda _, disk: commands.shards(disk, "--cells-per-shard", 9), 300_000, r"P0\dS1-\d+.tar"),
    "preview": Writer(
        lambda given, disk: commands.past("shards", "anndata", *given.sections, "--out", disk, "--preview"),
        100_000, "disk/previews/P1.png",
    ),
    "checkpoint": Writer(
        lambda given, disk: commands.train(given.cells, disk, "one", "trainer.max_epochs=1"), 200_000, r"\w+.ckpt"
    ),
    "config": Writer(
        lambda given, disk: commands.train(given.cells, disk, "one", "trainer.max_epochs=1"), 0, "tiny/one"
    ),
    "cache": Writer(
        lambda given, disk: commands.train(
            given.cells.as_uri(), disk.parent, "one", f"data.cache={disk}", "data.num_workers=1", "trainer.max_epochs=1"
        ),
        60_000, r"disk/past-shards: no space left for P0\dS1-000000.tar, 0\.\d MB",
    ),
    "results": Writer(
        lambda given, disk: commands.judge_run(given.runs, "judged", f"results_dir={disk / 'results'}"),
        2 * PAGE, "results/retrieval_examples.npz",
    ),
    "features": Writer(
        lambda given, disk: commands.judge_bench(given.bench, disk.parent, f"task.cache={disk}"),
        PAGE, r"disk/[0-9a-f]{32}.8.part", keeps="*.8.part",
    ),
    "import": Writer(
        lambda given, disk: commands.past(
            "import", "stpath", given.released[0], "--genes", given.released[1], "--out", disk / "model"
        ),
        100_000, "disk/model",
    ),
    "export": Writer(
        lambda given, disk: commands.past("export", "stpath", given.model, "--out", disk / "released"),
        100_000, "released/stfm.pth",
    ),
    "predict": Writer(
        lambda given, disk: commands.past(
            "predict", "--features", given.released[2], "--weights", given.model, "--out", disk / "predicted.h5ad"
        ),
        2 * PAGE, "predicted.h5ad",
    ),
    "embed": Writer(
        lambda given, disk: commands.past("embed", *given.slide, "--out", disk),
        3 * PAGE, "disk/slide.h5", keeps="slide.h5.part",
    ),
    "predict_slide": Writer(
        lambda given, disk: commands.past("predict", *given.slide, "--weights", given.trained, "--out", disk),
        130_000, r"disk/slide\.h5ad",
    ),
    "bench": Writer(lambda given, disk: commands.make_bench(given.sections, disk), 500_000, r"P\d.h5"),
}  # fmt: skip


def fill(disk: Path, left: int) -> Path:
    """Fill the disk but for `left` bytes; return the file that does it."""
    ballast, free = disk / "ballast", shutil.disk_usage(disk).free
    ballast.write_bytes(bytes(free - left // PAGE * PAGE))
    return ballast


@pytest.mark.parametrize("name", WRITERS)
def test_the_end_of_the_disk_is_one_sentence_and_the_second_run_succeeds(name: str, given: Given, disk: Path) -> None:
    writer, ballast = WRITERS[name], fill(disk, WRITERS[name].left)
    with pytest.raises(NoSpaceError, match=writer.named) as told:
        writer.write(given, disk)
    assert "no space left" in str(told.value)
    assert len(str(told.value).splitlines()) == 1
    assert set(disk.rglob("*.part")) <= set(disk.rglob(writer.keeps))
    ballast.unlink()
    writer.write(given, disk)
    assert not list(disk.rglob("*.part"))


def test_shards_go_on_after_those_that_fitted(given: Given, disk: Path, tmp_path: Path) -> None:
    ballast = fill(disk, 300_000)
    with pytest.raises(NoSpaceError, match="no space left"):
        commands.shards(disk / "cells", "--cells-per-shard", 9)
    fitted = {path: path.stat().st_mtime_ns for path in (disk / "cells").glob("*.tar")}
    assert fitted
    ballast.unlink()
    commands.shards(disk / "cells", "--cells-per-shard", 9)
    assert {path: path.stat().st_mtime_ns for path in fitted} == fitted
    assert verify(ShardIndex.read(disk / "cells"), workers=1) == []
    before, ballast = (disk / "cells" / "index.json").read_bytes(), fill(disk, 0)
    with pytest.raises(NoSpaceError, match=r"cells/index\.json: no space left on its disk"):
        commands.past("shards", "merge", disk / "cells")
    assert (disk / "cells" / "index.json").read_bytes() == before


def test_a_training_goes_on_from_the_last_good_checkpoint(given: Given, disk: Path) -> None:
    run = commands.train(given.cells, disk, "one", "trainer.max_epochs=1")
    before, ballast = (run / "checkpoints" / "last.ckpt").read_bytes(), fill(disk, 300_000)
    with pytest.raises(
        NoSpaceError, match=r"checkpoints/\w+\.ckpt: no space left on its disk, where 0\.\d MB of it fitted"
    ):
        commands.train(given.cells, disk, "one", "trainer.max_epochs=2")
    assert (run / "checkpoints" / "last.ckpt").read_bytes() == before
    assert not list(run.rglob("*.part"))
    ballast.unlink()
    commands.train(given.cells, disk, "one", "trainer.max_epochs=2")
    steps = [read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"]]
    commands.train(given.cells, disk, "whole", "trainer.max_epochs=2")
    steps.append(read_checkpoint(disk / "tiny" / "whole" / "checkpoints" / "last.ckpt")["global_step"])
    assert steps[0] == steps[1]


def test_metrics_and_pages_stay_as_they_were(given: Given, disk: Path, tmp_path: Path) -> None:
    logger = MetricsCSV(str(disk / "one"))
    logger.log_metrics({"loss": 1.0}, 0)
    logger.save()
    run = commands.train(given.cells, disk, "one", "trainer.max_epochs=1")
    commands.past("report", run)
    before = {path: path.read_bytes() for path in (disk / "one" / "metrics.csv", run / "report.html")}
    ballast = fill(disk, 0)
    for step in range(1, 2_000):
        logger._rows[step] = {"loss": 0.5}
    with pytest.raises(NoSpaceError, match=r"one/metrics\.csv: no space left"):
        logger.save()
    with pytest.raises(NoSpaceError, match=r"report\.html: no space left"):
        commands.past("report", run)
    assert {path: path.read_bytes() for path in before} == before
    ballast.unlink()
    logger.save()
    commands.past("report", run)
    assert len((disk / "one" / "metrics.csv").read_text().splitlines()) == 2_001


PATCHES = """
import sys
from pathlib import Path
import numpy as np
from past.base.errors import PastError
from past.slides.tiles import write_patches
rng = np.random.default_rng(0)
images = (rng.integers(0, 255, (512, 512, 3), dtype=np.uint8) for _ in range(80))
try:
    write_patches(Path(sys.argv[1]), images, np.zeros((80, 2)), [f"s{i}" for i in range(80)])
except PastError as error:
    sys.exit(str(error))
"""


def test_hdf5_does_not_crash_at_the_end_of_the_disk(disk: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-c", PATCHES, disk / "a.h5"]
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith(f"{disk}/a.h5: no space left on its disk, where ")
    assert list(disk.iterdir()) == []
