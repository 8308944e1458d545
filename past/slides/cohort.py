"""A cohort of slides: what each is called, whose turn it is, and a table of what became of each."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from past.base.disk.locks import lock
from past.base.errors import ConfigError, DataError, NoSpaceError, PastError
from past.base.files import write_atomically
from past.base.text.tables import read_words, rows_as_csv

SUMMARY: Final = "summary.csv"
COLUMNS: Final = ("slide", "file", "state", "tiles", "skipped", "mpp", "mpp_source", "seconds", "fault")
CURE: Final = "give a table with a column slide, and where they are known mpp, organ, technology, patient"


@dataclass(frozen=True)
class CohortSlide:
    """A slide of a cohort, and what the user says of it.

    Attributes:
        path: the file.
        name: of its results; no two slides of a cohort have the same.
        mpp: µm/px in place of what the file says.
        organ: free text.
        technology: of the sections that a prediction shall look like.
        patient: whose it is.
    """

    path: Path
    name: str = ""
    mpp: float | None = None
    organ: str | None = None
    technology: str | None = None
    patient: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a slide; the columns of the summary."""

    state: str
    tiles: int | None = None
    skipped: int | None = None
    mpp: float | None = None
    mpp_source: str = ""
    seconds: float | None = None
    fault: str = ""


def read_cohort(given: Sequence[Path], mpp: float | None = None) -> list[CohortSlide]:
    """Return the slides of files, and of tables (`.csv`) of slides, whose paths are relative to the table.

    Args:
        given: slides and tables.
        mpp: µm/px of all slides of which a table says none.

    Raises:
        ConfigError: a slide twice, or none.
        DataError: a table that cannot be used.
    """
    slides: list[CohortSlide] = []
    for path in given:
        slides += _of_table(path, mpp) if path.suffix.lower() == ".csv" else [CohortSlide(path, mpp=mpp)]
    twice = [path for path, times in Counter(slide.path.absolute() for slide in slides).items() if times > 1]
    if twice:
        raise ConfigError(f"{twice[0]} is given more than once: give each slide once")
    if not slides:
        raise ConfigError("no slide is given: give files, or a table of them (.csv with a column slide)")
    return [
        CohortSlide(slide.path, name, slide.mpp, slide.organ, slide.technology, slide.patient)
        for slide, name in zip(slides, _names([slide.path for slide in slides]), strict=True)
    ]


def _of_table(path: Path, mpp: float | None) -> list[CohortSlide]:
    slides = []
    for number, row in enumerate(read_words(path, ["slide"], CURE), start=2):
        try:
            said = float(row["mpp"]) if row.get("mpp") else mpp
        except ValueError as error:
            raise DataError(f"{path}: line {number}: mpp {row['mpp']!r} is no number: {CURE}") from error
        if not row["slide"]:
            raise DataError(f"{path}: line {number} names no slide: {CURE}")
        words = [row.get(column) or None for column in ("organ", "technology", "patient")]
        slides.append(CohortSlide(path.parent / row["slide"], "", said, *words))
    return slides


def _names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file: its own, with as many of its folders' before it as tell it from the others."""
    whole = [path.absolute() for path in paths]
    names = [path.stem for path in whole]
    for depth in range(1, max(len(path.parts) for path in whole)):
        times = Counter(name.lower() for name in names)  # some disks know no capitals
        if max(times.values()) == 1:
            break
        names = [
            "_".join((*path.parts[max(1, len(path.parts) - 1 - depth) : -1], path.stem))
            if times[name.lower()] > 1
            else name
            for path, name in zip(whole, names, strict=True)
        ]
    times = Counter(name.lower() for name in names)
    names = [  # a.svs beside a.tif
        f"{name}_{path.suffix[1:]}" if times[name.lower()] > 1 else name
        for path, name in zip(whole, names, strict=True)
    ]
    twice = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if twice:
        raise ConfigError(f"two slides would both be called {twice[0]}: give one of them another name")
    return names


def share_of(slides: Sequence[CohortSlide], share: str | None) -> list[CohortSlide]:
    """Return the slides of a share such as "3/32": every 32nd from the fourth on; None: a rank's share, else all.

    Raises:
        ConfigError: no such share.
    """
    if share is None and {"RANK", "WORLD_SIZE"} <= set(os.environ):  # torchrun started this process
        share = f"{os.environ['RANK']}/{os.environ['WORLD_SIZE']}"
    if share is None:
        return list(slides)
    number, slash, of = share.partition("/")
    if not slash or not (number.isdigit() and of.isdigit()) or int(number) >= int(of):
        raise ConfigError(f"--share {share}: give which of how many, counted from 0: 0/4, 1/4, 2/4 or 3/4")
    return list(slides[int(number) :: int(of)])


def work_through(
    slides: Iterable[CohortSlide], work: Callable[[CohortSlide, bool], Outcome], folder: Path
) -> list[str]:
    """Do each slide, those that another process has in hand at the end; return a sentence for each that is broken.

    Args:
        slides: of this process.
        work: makes a slide's result, or finds it; BlockingIOError where another process is at it and it may not wait.
        folder: where the summary lies.

    Raises:
        NoSpaceError: the disk is full.
    """
    faults, later = [], []
    for slide, may_wait in _turns(slides, later):
        began = time.monotonic()
        try:
            outcome = work(slide, may_wait)
        except BlockingIOError:
            later.append(slide)
            continue
        except NoSpaceError:
            raise
        except PastError as error:
            outcome = Outcome("refused" if isinstance(error, ConfigError) else "broken", fault=str(error))
            faults.append(str(error))
        except OSError as error:
            outcome = Outcome("broken", fault=f"{error.filename or slide.path}: {error.strerror or error}")
            faults.append(outcome.fault)
        _note(folder, slide, outcome, time.monotonic() - began)
    return faults


def _turns(slides: Iterable[CohortSlide], later: list[CohortSlide]) -> Iterable[tuple[CohortSlide, bool]]:
    for slide in slides:
        yield slide, False
    while later:
        yield later.pop(0), True


def _note(folder: Path, slide: CohortSlide, outcome: Outcome, seconds: float) -> None:
    """Write a slide's line of the summary, in the place of an earlier one; of one that was found, keep it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        lock(handle)  # other processes write lines too
        path = folder / SUMMARY
        rows = {row["slide"]: row for row in read_words(path, COLUMNS, "remove it")} if path.is_file() else {}
        earlier = rows.get(slide.name, {})
        if outcome.state == "found" and earlier.get("state") == "done" and earlier.get("file") == str(slide.path):
            return
        said = vars(outcome) | {"slide": slide.name, "file": str(slide.path)}
        said["seconds"] = f"{seconds:.1f}"
        rows[slide.name] = {column: "" if said[column] is None else str(said[column]) for column in COLUMNS}
        table = [[rows[name][column] for column in COLUMNS] for name in sorted(rows)]
        write_atomically(path, rows_as_csv(COLUMNS, table))
    finally:
        os.close(handle)
