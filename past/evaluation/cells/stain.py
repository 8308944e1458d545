"""`task=virtual_ihc`: H-scores of predicted against measured expression, region by region, on held-out patients."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from past.base.errors import DataError, require_number
from past.evaluation.cells.opened import JudgedCells, Ways, all_ways, open_cells
from past.evaluation.results import Results
from past.evaluation.statistics.bland_altman import BlandAltman
from past.evaluation.statistics.jackknife import plain
from past.evaluation.task import Door, Row
from past.ihc.markers import MARKERS, columns_of
from past.ihc.regions import Region, grid, whole
from past.ihc.scores import h_score
from past.models.past.cells.head import HeadTraining
from past.models.past.cells.levels import LEVELS, grades
from past.models.past.cells.predictor import variable_genes
from past.models.past.cells.retrieval import NEIGHBOURS

FEWEST: Final = 20  # cells of a region that is compared


class VirtualIHC:
    """Compares the mixture's H-scores with those of measured expression, per section and per square of a grid.

    Writes `virtual_ihc.csv` (a row a region) and `.json` (agreement of each marker).

    Args:
        markers: names, or genes; those that the panel lacks are noted and left out.
        grid: µm of the squares.
        fewest: cells of a square that is compared.
        genes: that bank and head learn beside the markers'.
        neighbours: in the bank.
        seed: of the heads.
    """

    name = "virtual_ihc"

    def __init__(
        self,
        markers: Sequence[str] = tuple(MARKERS),
        grid: float = 500.0,
        fewest: int = FEWEST,
        genes: int = 200,
        neighbours: int = NEIGHBOURS,
        seed: int = 0,
    ) -> None:
        require_number("task.grid", grid, above=0.0)
        require_number("task.fewest", fewest, least=1)
        self._markers, self._grid, self._fewest = tuple(markers), float(grid), fewest
        self._genes, self._neighbours, self._how = genes, neighbours, HeadTraining(seed=seed)

    def open(self, config: Mapping[str, Any], door: Door) -> JudgedCells:
        """Open a training's model and its own data."""
        return open_cells(config, door)

    def origin(self, given: JudgedCells) -> dict[str, object]:
        """Return the weights, the cells and the settings."""
        settings = {"markers": list(self._markers), "grid": self._grid, "fewest": self._fewest, "genes": self._genes}
        return {**given.origin(), **settings, "neighbours": self._neighbours, "seed": self._how.seed}

    def __call__(self, given: JudgedCells, results: Results) -> list[Row]:
        """Judge every marker; returns what the screen shows of the rows."""
        panel = given.cells[0].genes
        of_marker: dict[str, list[str]] = {}
        for marker in self._markers:
            try:
                of_marker[marker] = [panel[i] for i in columns_of(marker, panel)]
            except DataError as error:
                results.fault(str(error))
        if not of_marker:
            raise DataError(*results.faults)
        wanted = [gene for genes in of_marker.values() for gene in genes]
        ways = all_ways(
            given, list(dict.fromkeys([*wanted, *variable_genes(given.cells[0], self._genes)])), self._how,
            self._neighbours,
        )  # fmt: skip
        regions, rows = [], []
        for marker, genes in of_marker.items():
            found = self._regions(ways, marker, genes)
            regions += found
            rows += _agreement(marker, found)
        if not rows:
            raise DataError(f"no marker has enough levels of expression, or no region {self._fewest} cells")
        results.write_csv(f"{self.name}.csv", pd.DataFrame(regions))
        results.write_summary({"checkpoint": str(given.checkpoint), "rows": rows, "regions": regions})
        keys = ("marker", "scope", "regions", "spearman", "lin", "difference")
        return [{k: round(v, 3) if isinstance(v := row[k], float) else v for k in keys} for row in rows]

    def _regions(self, ways: Ways, marker: str, genes: Sequence[str]) -> list[Row]:
        """Return measured and predicted H-scores of the sections and their squares; none without levels."""
        columns = [ways.genes.index(gene) for gene in genes]
        table = ways.predictor.genes
        measured, own = (
            table[[f"{kind}{level}" for level in LEVELS]].to_numpy(np.float64)[columns].mean(axis=0)[:, None]
            for kind in ("measured_", "")
        )
        if not (np.isfinite(measured).all() and np.isfinite(own).all()):
            return []
        pair = [
            grades(values[:, columns].mean(axis=1, keepdims=True), levels)[:, 0]
            for values, levels in ((ways.truth, measured), (ways.predicted["mixture"], own))
        ]
        found: list[Row] = []
        for section in dict.fromkeys(ways.places.sections):
            rows = np.flatnonzero(ways.places.sections == section)
            squares = grid(ways.places.coords[rows], 1.0, self._grid)
            for region in (whole(len(rows)), *squares):
                found += self._row(region, marker, str(section), [grade[rows] for grade in pair])
        return found

    def _row(self, region: Region, marker: str, section: str, pair: Sequence[np.ndarray]) -> list[Row]:
        cells = int(region.cells.sum())
        if cells < self._fewest:
            return []
        scores = [h_score(grade[region.cells].astype(np.float64)) for grade in pair]
        names = ("measured", "predicted")
        return [{"marker": marker, "section": section, "region": region.name, "cells": cells,
                 **dict(zip(names, scores, strict=True))}]  # fmt: skip


def _agreement(marker: str, regions: Sequence[Row]) -> list[Row]:
    """Return how the sections agree, and how the squares do; `units`: sections behind them."""
    rows: list[Row] = []
    for scope in ("section", "square"):
        chosen = [row for row in regions if (row["region"] == "tissue") == (scope == "section")]
        if not chosen:
            continue
        pair = [np.array([row[name] for row in chosen]) for name in ("measured", "predicted")]
        found = BlandAltman.of(*pair)
        numbers = {key: plain(value) for key, value in vars(found).items() if key != "pairs"}
        sections = len({row["section"] for row in chosen})
        rows.append({"marker": marker, "scope": scope, "regions": found.pairs, **numbers, "units": sections})
    return rows
