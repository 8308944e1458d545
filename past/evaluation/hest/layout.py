"""A HEST-Bench task on disk: its folds, its genes, and its samples' expression in the order of their tiles."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from anndata import AnnData

from past.base.errors import DataError
from past.base.genes import gene_map, read_genes, require_unique
from past.base.h5ad import read_adata, read_counts, read_meta, rows_of
from past.base.joins import Rows, join_all
from past.base.text.reading import read_json
from past.base.text.tables import read_words
from past.base.vocabularies import word

TASKS = ("IDC", "PRAD", "PAAD", "SKCM", "COAD", "READ", "CCRCC", "HCC", "LUNG", "LYMPH_IDC")
MADE = "task.json"  # what `past bench-from` says of a task that it made
PARTS = ("splits", "patches", "adata")  # folders of a task; one of them makes it one, cut short or whole
COLUMNS = ("sample_id", "patches_path", "expr_path")


@dataclass(frozen=True)
class BenchSample:
    """One row of a split: a sample, its patch file, its h5ad."""

    name: str
    patches: Path
    expression: Path


@dataclass(frozen=True)
class Fold:
    """Samples to train and to test on, and the genes scored; `number` is the k of train_<k>.csv."""

    number: int
    genes: tuple[str, ...]
    train: tuple[BenchSample, ...]
    test: tuple[BenchSample, ...]


@dataclass(frozen=True)
class HestTask:
    """One folder of the benchmark; `genes` are those of any fold."""

    name: str
    genes: tuple[str, ...]
    folds: tuple[Fold, ...]

    @property
    def samples(self) -> tuple[BenchSample, ...]:
        """Every sample of any fold, once, in the order in which they occur."""
        found = {sample.name: sample for fold in self.folds for sample in (*fold.train, *fold.test)}
        return tuple(found.values())


def task_names(root: Path, wanted: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the tasks in `root`, in the leaderboard's order, others after them; or those wanted, as given.

    Raises:
        DataError: no task there, or not the wanted one.
    """
    there = {path.parent.name for part in PARTS for path in root.glob(f"*/{part}")}
    known = tuple(name for name in TASKS if name in there)
    found = known + tuple(sorted(there - set(known)))
    if not found:
        raise DataError(f"{root}: no task there; task.root is the folder that holds IDC/splits, PRAD/splits, …")
    missing = [name for name in wanted or () if name not in there]
    if missing:
        raise DataError(f"{root}: no {missing[0]} there; the tasks are {', '.join(found)}")
    return tuple(wanted) if wanted else found


def fold_genes_file(folder: Path, fold: int) -> Path:
    """Return where a fold's own gene list lies, if it has one; our addition to the layout."""
    return folder / f"var_50genes_{fold}.json"


def read_task(folder: Path) -> HestTask:
    """Read a task's splits and gene lists; files in `splits/` of another name are passed over.

    Raises:
        DataError: no splits, a train file without its test file, an empty or broken one, or no gene list.
    """
    numbers = {part: fold_numbers(folder, part) for part in ("train", "test")}
    if not numbers["train"] | numbers["test"]:
        raise DataError(f"{folder}: no splits/train_<k>.csv there: is the benchmark downloaded whole?")
    lonely = sorted(numbers["train"] ^ numbers["test"])
    if lonely:
        raise DataError(f"{folder}: fold {lonely[0]} has only one of train_{lonely[0]}.csv and test_{lonely[0]}.csv")
    genes = read_genes(folder / "var_50genes.json")
    folds = []
    for k in sorted(numbers["train"]):
        own = fold_genes_file(folder, k)
        sides = [_read_split(folder, f"{part}_{k}.csv") for part in ("train", "test")]
        folds.append(Fold(k, read_genes(own) if own.is_file() else genes, *sides))
    return HestTask(folder.name, genes, tuple(folds))


def fold_numbers(folder: Path, part: str = "test") -> set[int]:
    """Return every k of a task's splits/<part>_<k>.csv."""
    names = [path.name for path in (folder / "splits").glob("*.csv")]
    return {int(match[1]) for name in names if (match := re.fullmatch(rf"{part}_(\d+)\.csv", name))}


def _read_split(folder: Path, name: str) -> tuple[BenchSample, ...]:
    path = folder / "splits" / name
    rows = read_words(path, COLUMNS, "download it again")
    if not all(row[column] for row in rows for column in COLUMNS):
        raise DataError(f"{path}: needs rows with the columns {', '.join(COLUMNS)}; download it again")
    twice = [sample for sample, count in Counter(row["sample_id"] for row in rows).items() if count > 1]
    if twice:
        raise DataError(f"{path}: names {twice[0]} twice; remove one of the rows")
    for row in rows:
        for column in COLUMNS:
            place = Path(row[column])
            if place.is_absolute() or ".." in place.parts or (column == "sample_id" and len(place.parts) != 1):
                raise DataError(
                    f"{path}: {column} {row[column]!r:.200} leaves the task's folder: a sample has a plain name, and "
                    f"its files lie in {folder}"
                )
    return tuple(BenchSample(row["sample_id"], folder / row["patches_path"], folder / row["expr_path"]) for row in rows)


def require_apart(fold: Fold, sources: Iterable[Mapping[str, str]], title: str) -> None:
    """Raise DataError where a fold trains and tests on one sample or one patient.

    Args:
        fold: to check.
        sources: sample → patient, a mapping for everybody who says whose samples are; one that agrees on two samples
            makes them one patient's. A sample that none knows is a patient of its own.
        title: names the fold in the message.
    """
    for patients in ({}, *sources):
        owners = {patients.get(sample.name, sample.name): sample.name for sample in fold.train}
        for sample in fold.test:
            patient = patients.get(sample.name, sample.name)
            if patient in owners:
                raise DataError(
                    f"{title} did not run: {owners[patient]} (train) and {sample.name} (test) are of one patient "
                    f"({patient}): move one of them to the other side of the split"
                )


def read_sample(sample: BenchSample, spots: Rows) -> tuple[AnnData, np.ndarray]:
    """Read a sample's h5ad; return it with its row for each of `spots`, in their order.

    Raises:
        DataError: no such file, or spots that are not in it.
    """
    adata = read_adata(sample.expression)
    cure = "files of two versions? download both again"
    return adata, join_all(spots, rows_of(adata, str(sample.expression)), "counts", cure)


def read_expression(sample: BenchSample, genes: Sequence[str], spots: Rows) -> np.ndarray:
    """Return log1p of the raw counts, (spots, genes) float64, a row for each of `spots` in their order.

    Raises:
        DataError: no such file, genes or spots that are not in it or there twice, or no raw counts.
    """
    adata, rows = read_sample(sample, spots)
    names = list(map(str, adata.var_names))
    require_unique([name for name in names if name in set(genes)], str(sample.expression))
    columns = gene_map(genes, names)
    absent = [gene for gene, column in zip(genes, columns, strict=True) if column < 0]
    if absent:
        raise DataError(
            f"{sample.name}: {len(absent)} of the task's {len(genes)} genes are not in {sample.expression.name} "
            f"({', '.join(absent[:3])}{', …' if len(absent) > 3 else ''}): another panel? leave the sample out"
        )
    counts = read_counts(adata, sample.name, rows, columns)
    return np.log1p(counts.toarray().astype(np.float64))


def read_patients(folder: Path) -> dict[str, str]:
    """Return sample → patient as `past bench-from` wrote it with a task; empty for another's.

    Raises:
        DataError: not a table of names.
    """
    path = folder / MADE
    if not path.is_file():
        return {}
    content = read_json(path, "make the task again")
    try:
        return _known(content["patients"].items())
    except (KeyError, AttributeError, TypeError) as error:
        raise DataError(f"{path}: no patients in it ({error}): make the task again") from error


def patients_in_files(samples: Iterable[BenchSample]) -> dict[str, str]:
    """Return sample → patient as `uns['meta']['patient']` of the samples' own h5ad says; a broken file says nothing."""
    said = []
    for sample in samples:
        with contextlib.suppress(DataError):  # its folds will say what is wrong with it
            said.append((sample.name, read_meta(sample.expression).get("patient")))
    return _known(said)


def _known(patients: Iterable[tuple[object, object]]) -> dict[str, str]:
    words = ((str(sample), word(patient)) for sample, patient in patients)
    return {sample: patient for sample, patient in words if patient is not None}
