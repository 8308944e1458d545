"""HEST-1k's Xenium samples cell by cell: transcripts counted over a segmentation's cells."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from past.base.errors import DataError, reading
from past.base.joins import row_names
from past.base.vocabularies import word
from past.data.sources.tables import DAMAGED, read_table
from past.data.sources.tenx import MIN_QUALITY

COLUMNS: Final = ("cell_id", "feature_name", "qv", "he_x", "he_y")
_TRANSCRIPTS_AT_ONCE = 1_000_000  # transcripts read at a time


@dataclass(frozen=True)
class Cells:
    """Cells of a sample.

    Attributes:
        names: (n,) of the cells.
        centres: (n, 2) centroids in pixels of the H&E.
        counts: (n, genes) transcripts of good quality.
        types: (n,) CellViT's classes; None in the instrument's segmentation.
    """

    names: list[str]
    centres: np.ndarray
    counts: csr_matrix
    types: list[str | None] | None


def read_cells(transcripts: Path, segmentation: Path, genes: Sequence[str], name: str) -> Cells:
    """Count transcripts per cell: by the instrument's own cell ids, or by CellViT's outlines around them.

    Raises:
        DataError: a file is damaged, or no transcript lies in any of the cells.
    """
    shapely = _shapely(segmentation)
    table = read_table(segmentation, ["geometry"])
    with reading(segmentation, *DAMAGED):
        outlines = shapely.from_wkb(table["geometry"].to_numpy())
        centroids = shapely.centroid(outlines)
        centres = np.c_[shapely.get_x(centroids), shapely.get_y(centroids)]
    by_outline = "cellvit" in segmentation.name
    if by_outline:
        names = [f"nucleus{number}" for number in range(len(outlines))]
        cell_of = _within(shapely, outlines)
    else:
        cells = (table if "cell_id" in table else table.reset_index(names="cell_id"))["cell_id"]
        names = row_names(cells, str(segmentation))
        cell_of = _by_name(names)
    gene_of = pd.Index(genes)
    total: Any = csr_matrix((len(names), len(genes)), dtype=np.int64)
    for batch in _batches(transcripts):
        part = pd.DataFrame(batch[batch["qv"] >= MIN_QUALITY])
        columns = gene_of.get_indexer(pd.Index(map(word, part["feature_name"])))
        rows = cell_of(part)
        kept = (rows >= 0) & (columns >= 0)
        total += csr_matrix((np.ones(kept.sum(), np.int64), (rows[kept], columns[kept])), shape=total.shape)
    if not total.nnz:
        raise DataError(f"{name}: none of its transcripts lies in a cell of {segmentation.name}: of another sample?")
    return Cells(
        names=names,
        centres=centres,
        counts=total,
        types=list(map(word, table["class"])) if by_outline and "class" in table else None,
    )


def _by_name(names: Sequence[str]) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return what finds the row of each transcript's cell by its name, or -1."""
    rows = pd.Index(names)
    return lambda part: rows.get_indexer(pd.Index(map(word, part["cell_id"])))


def _within(shapely: Any, outlines: np.ndarray) -> Callable[[pd.DataFrame], np.ndarray]:
    """Return what finds the row of the outline that each transcript lies in, or -1."""
    tree = shapely.STRtree(outlines)

    def find(part: pd.DataFrame) -> np.ndarray:
        rows = np.full(len(part), -1)
        found, within = tree.query(shapely.points(part["he_x"], part["he_y"]), predicate="within")
        rows[found] = within
        return rows

    return find


def _batches(path: Path) -> Iterator[pd.DataFrame]:
    from pyarrow import parquet

    with reading(path, *DAMAGED):
        file = parquet.ParquetFile(path)
        missing = [column for column in COLUMNS if column not in file.schema_arrow.names]
        if missing:
            raise DataError(f"{path}: no column {', '.join(missing)}: not HEST's transcripts")
        for batch in file.iter_batches(_TRANSCRIPTS_AT_ONCE, columns=list(COLUMNS)):
            yield batch.to_pandas()


def _shapely(path: Path) -> Any:
    try:
        import shapely
    except ImportError as error:
        raise DataError(f"{path}: segmentations need 'pip install past-pathology[spatial]'") from error
    return shapely
