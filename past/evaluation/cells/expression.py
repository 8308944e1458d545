"""`task=cell_expression`: how well each way predicts the expression of held-out patients' cells."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from past.base.errors import require_number
from past.base.genes import gene_hash, read_genes
from past.evaluation.cells.opened import JudgedCells, Ways, all_ways, open_cells
from past.evaluation.results import Results
from past.evaluation.statistics.comparison import compare
from past.evaluation.statistics.jackknife import plain
from past.evaluation.statistics.left_out import LeftOut
from past.evaluation.statistics.means import mean_over
from past.evaluation.statistics.pearson import gene_pearson, mean_where_defined
from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.statistics.units import Places
from past.evaluation.task import Door, Row
from past.models.past.cells.head import HeadTraining, Kind
from past.models.past.cells.retrieval import NEIGHBOURS

SQUARE_UM: Final = 50.0
ALL: Final = "all"


class CellExpression:
    """Fits every way on the training cells and scores it on the validation cells.

    Writes `cell_expression.csv` and `.json` (per gene r, per cell r, RMSE, and the same over squares of 50 µm) and
    `cell_expression_genes.csv` (gene by gene).

    Args:
        genes: how many of the training cells' most variable genes, or a gene list's file.
        neighbours: in the bank.
        loss: of the heads: mse, or negative_binomial.
        hidden: width of the heads' hidden layer; 0: they are linear.
        epochs: of the heads at most.
        seed: of the heads.
    """

    name = "cell_expression"

    def __init__(
        self,
        genes: int | str = 200,
        neighbours: int = NEIGHBOURS,
        loss: Kind = "mse",
        hidden: int = 256,
        epochs: int = 60,
        seed: int = 0,
    ) -> None:
        require_number("task.neighbours", neighbours, least=1)
        require_number("task.epochs", epochs, least=1)
        if isinstance(genes, int):
            require_number("task.genes", genes, least=1)
        self._genes: list[str] | int = genes if isinstance(genes, int) else list(read_genes(Path(genes)))
        self._how = HeadTraining(loss, hidden, epochs=epochs, seed=seed)
        self._neighbours = neighbours

    def open(self, config: Mapping[str, Any], door: Door) -> JudgedCells:
        """Open a training's model and its own data."""
        return open_cells(config, door)

    def origin(self, given: JudgedCells) -> dict[str, object]:
        """Return the weights, the cells and the settings."""
        genes = self._genes if isinstance(self._genes, int) else gene_hash(self._genes)
        return {**given.origin(), "genes": genes, "neighbours": self._neighbours, **vars(self._how)}

    def __call__(self, given: JudgedCells, results: Results) -> list[Row]:
        """Judge every way; returns what the screen shows of the rows."""
        ways = all_ways(given, self._genes, self._how, self._neighbours)
        rows, genes, paired = score_ways(ways)
        results.write_csv(f"{self.name}.csv", pd.DataFrame(rows))
        results.write_csv(f"{self.name}_genes.csv", genes)
        own = ways.predictor.genes
        facts = {"share_of_retrieval": float(own["retrieval_share"].mean()), "genes": ways.genes}
        results.write_summary({"checkpoint": str(given.checkpoint), **facts, "rows": rows, "paired": paired})
        return [shown(row) for row in rows if row["scope"] == ALL]


def shown(row: Row) -> Row:
    """Return what a terminal shows of a row."""
    low, high = row["r_gene/low"], row["r_gene/high"]
    return {
        "by": row["by"],
        "r by gene": round(row["r_gene"], 3),
        "95 %": None if low is None else f"{low:.3f}–{high:.3f}",
        "units": f"{row['units']} {row['resampled']}",
        "r by cell": round(row["r_cell"], 3),
        "RMSE": round(row["rmse"], 3),
        "r, 50 µm": None if row["r_gene_50um"] is None else round(row["r_gene_50um"], 3),
    }


def score_ways(ways: Ways) -> tuple[list[Row], pd.DataFrame, list[Row]]:
    """Return a row a scope and way, a table gene by gene, and the mixture beside each other way."""
    rows: list[Row] = []
    results: dict[str, TaskResult] = {}
    for scope, name, own in _scopes(ways.places):
        for way, predicted in ways.predicted.items():
            judged = Judged(ways.truth[own], predicted[own].astype(np.float64), ways.places.at(own))
            result = TaskResult(name, way, (FoldResult.of(0, tuple(ways.genes), judged, len(ways.train_truth)),))
            rows.append({"scope": scope, "name": name, "by": way, **_row(result, judged)})
            if scope == ALL:
                results[way] = result
    table = pd.DataFrame(
        {f"r {way}": result.folds[0].scores.pearson for way, result in results.items()},
        index=pd.Index(ways.genes, name="gene"),
    )
    table["retrieval_share"] = ways.predictor.genes["retrieval_share"].to_numpy()
    pairs = [compare(results["mixture"], other) for way, other in results.items() if way != "mixture"]
    return rows, table.reset_index(), [pair.summary for pair in pairs if pair]


def _scopes(places: Places) -> list[tuple[str, str, np.ndarray]]:
    every = np.arange(len(places.sections))
    sections = list(dict.fromkeys(places.sections))
    found = [("section", str(name), np.flatnonzero(places.sections == name)) for name in sections]
    return [*found, (ALL, ALL, every)]


def _row(result: TaskResult, judged: Judged) -> Row:
    mean = LeftOut.of(result).mean()
    low, high = mean.interval_of_r()
    by_cell = gene_pearson(judged.truth.T, judged.predicted.T)
    defined = ~np.isnan(by_cell)
    per_cell, _ = mean_over(by_cell[defined][:, None], judged.places.at(np.flatnonzero(defined)))
    cell_low, cell_high = per_cell.interval()[:, 0]
    squares = over_squares(judged)
    coarse = gene_pearson(*squares) if len(squares[0]) > 2 else np.array([np.nan])
    constant = np.isnan(result.folds[0].scores.pearson)
    return {
        "cells": len(judged.truth),
        "genes": int((~constant).sum()),
        "r_gene": float(mean.value), "r_gene/low": plain(low), "r_gene/high": plain(high),
        "r_cell": float(per_cell.value[0]), "r_cell/low": plain(cell_low), "r_cell/high": plain(cell_high),
        "rmse": float(np.sqrt(((judged.truth - judged.predicted) ** 2).mean())),
        "r_gene_50um": plain(mean_where_defined(coarse)),
        "squares": len(squares[0]),
        **result.units.facts,
    }  # fmt: skip


def over_squares(judged: Judged, side: float = SQUARE_UM) -> tuple[np.ndarray, np.ndarray]:
    """Return means of truth and of prediction, (s, g) each, over squares of `side` µm of each section."""
    places = judged.places
    corners = np.floor(places.coords / side).astype(np.int64)
    sections = np.unique(places.sections, return_inverse=True)[1]
    _, number, counts = np.unique(np.column_stack([sections, corners]), axis=0, return_inverse=True, return_counts=True)
    sums: Sequence[np.ndarray] = [np.zeros((len(counts), judged.truth.shape[1])) for _ in range(2)]
    for total, values in zip(sums, (judged.truth, judged.predicted), strict=True):
        np.add.at(total, number.ravel(), values)
    return sums[0] / counts[:, None], sums[1] / counts[:, None]
