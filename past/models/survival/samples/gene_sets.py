"""Gene sets of patients: means over the genes of each set, of measured expression or of what `past predict` wrote."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from past.base.errors import DataError, reading
from past.base.foreign.gzipped import open_bytes
from past.base.h5ad import read_adata, require_inside
from past.base.joins import require_unique
from past.base.text.tables import read_cells

log = logging.getLogger(__name__)

GeneSets = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class SetScores:
    """Scores of gene sets.

    Attributes:
        sets: (S,) names.
        of: patient → (S,) float32.
    """

    sets: tuple[str, ...]
    of: Mapping[str, np.ndarray]


def read_gene_sets(path: Path) -> GeneSets:
    """Read a CSV table with a column a set, named in its first line, and genes below; a gene counts once in a set.

    Raises:
        DataError: missing, no table, a set without a name or genes, or two of one name.
    """
    cure = "give a table with a column a gene set, its name first and its genes below"
    head, *rows = read_cells(path, cure) or [[]]
    if not head or not all(name.strip() for name in head):
        raise DataError(f"{path}: a column without a name: {cure}")
    require_unique(head, str(path), "gene sets", "give each a name of its own")
    found = {
        name: tuple(dict.fromkeys(row[i] for row in rows if i < len(row) and row[i])) for i, name in enumerate(head)
    }
    empty = [name for name, genes in found.items() if not genes]
    if empty:
        raise DataError(f"{path}: no genes in {', '.join(empty[:5])}: {cure}")
    return found


def set_scores(path: Path, sets: GeneSets, slides: Mapping[str, Sequence[str]]) -> SetScores:
    """Return every patient's scores; who has no expression has none.

    Args:
        path: a CSV table of a row a patient, its case_id first and a gene a column, or a folder of `<slide>.h5ad`.
        sets: the gene sets.
        slides: patient → names of slides.

    Raises:
        DataError: no such file, no numbers, or no gene of any set.
    """
    table = _predicted(path, sets, slides) if path.is_dir() else read_expression(path)
    kept = {name: own for name, genes in sets.items() if (own := [gene for gene in genes if gene in table.columns])}
    if not kept:
        raise DataError(f"{path}: none of the genes of {len(sets)} gene sets is in it: of another species, or by ids?")
    if len(kept) < len(sets):
        absent = [name for name in sets if name not in kept]
        log.warning("%s: no gene of %d gene sets is in it, left out: %s", path, len(absent), ", ".join(absent[:5]))
    values = np.stack([table[genes].to_numpy().mean(axis=1) for genes in kept.values()], axis=1).astype(np.float32)
    return SetScores(tuple(kept), dict(zip(map(str, table.index), values, strict=True)))


def read_expression(path: Path) -> pd.DataFrame:
    """Read measured expression, patients × genes; of a patient with several rows the first, and a warning.

    Raises:
        DataError: missing, damaged, or a value that is no finite number.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder: give a table of expression, a row a patient")
    with reading(path, "no table of expression", "give a row a patient, its case_id first, and a gene a column"):
        with open_bytes(path) as file:
            table = pd.read_csv(file, index_col=0, dtype={0: str})
        values = table.to_numpy(np.float64)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        raise DataError(
            f"{path}: {table.columns[column]} of patient {table.index[row]} is {values[row, column]}: write a number"
        )
    again = table.index.duplicated()
    if again.any():
        names = dict.fromkeys(map(str, table.index[again]))
        log.warning("%s: the first of several rows is taken of %s", path, ", ".join(names))
    return table.loc[~again]


def _predicted(folder: Path, sets: GeneSets, slides: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return patients × genes: the mean over the tiles of all slides of a patient that were predicted."""
    wanted = {gene for genes in sets.values() for gene in genes}
    means = {}
    for patient, names in slides.items():
        paths = [path for name in names if (path := slide_file(folder, name, ".h5ad")) is not None]
        sums, tiles = [], 0
        for path in paths:
            own = _tiles(path, wanted)
            sums.append(own.sum())
            tiles += len(own)
        if tiles:
            means[patient] = pd.concat(sums, axis=1, join="inner").sum(axis=1) / tiles
    if not means:
        raise DataError(f"{folder}: no <slide>.h5ad of any patient: give the folder that 'past predict' filled")
    table = pd.DataFrame(means).T
    lacking = [str(name) for name in table.columns[table.isna().any()]]
    if len(lacking):
        log.warning(
            "%s: %d genes are not in all predictions, left out: %s", folder, len(lacking), ", ".join(lacking[:5])
        )
    return table.dropna(axis=1)


def _tiles(path: Path, wanted: Collection[str]) -> pd.DataFrame:
    """Return a prediction's tiles × those of its genes that are wanted; DataError where a number is none."""
    adata = read_adata(path)
    names = list(map(str, adata.var_names))
    require_unique(names, str(path), "gene", "predict it again")
    columns = [column for column, name in enumerate(names) if name in wanted]
    values: Any = require_inside(adata.X, str(path)).tocsc() if issparse(adata.X) else adata.X
    picked = values[:, columns]
    dense = np.asarray(picked.toarray() if issparse(picked) else picked, dtype=np.float64)
    if not np.isfinite(dense).all():
        raise DataError(f"{path}: holds what is no finite number: predict it again")
    return pd.DataFrame(dense, columns=pd.Index([names[column] for column in columns]))


def slide_file(folder: Path, slide: str, suffix: str) -> Path | None:
    """Return `<folder>/<slide><suffix>`, a slide named with or without its own suffix; None: not there."""
    for name in (slide, Path(slide).stem):
        path = folder / f"{name}{suffix}"
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return path
    return None
