"""What predicts a cell's expression: bank and head, mixed gene by gene; fitted on training cells, held-out throughout.

Groups of training patients are left out in turn (of one patient: sections; of one section: quarters of it). What bank
and head predict for those left out says how to mix the two, how far each gene is to be trusted, and for how long a head
learns; then both are made of all training cells.
"""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch

from past.base.errors import DataError, reading, require_number
from past.base.files import atomic_path, require_free
from past.base.genes import gene_map
from past.base.h5ad import sha256_of
from past.base.text.reading import read_json
from past.base.text.tables import frame_as_csv, read_frame
from past.base.variable_genes import by_variance, variance_of
from past.models.past.cells.bank import Bank, read_bank, write_bank
from past.models.past.cells.head import ExpressionHead, HeadData, HeadTraining, fit_head, predicted_by
from past.models.past.cells.levels import LEVELS, matched_levels, measured_levels
from past.models.past.cells.mixture import mixed, mixing_weights
from past.models.past.cells.observed import ObservedCells, centred_units, log_expression, standardised, usual_total
from past.models.past.cells.retrieval import NEIGHBOURS, Retrieved, mean_expression, neighbour_weights, retrieve

log = logging.getLogger(__name__)

FOLDS: Final = 4
GENES: Final = 1_000  # most variable ones, where nobody names them
FILES: Final = ("bank.h5ad", "genes.csv", "head.pt", "head.json")


@dataclass(frozen=True)
class CellPrediction:
    """What is predicted of q cells: (q, g) log1p expression by each way, and what was found in the bank."""

    mixture: np.ndarray
    retrieval: np.ndarray
    head: np.ndarray
    found: Retrieved


@dataclass(frozen=True)
class CellPredictor:
    """Bank, head, and how they are mixed.

    Attributes:
        bank: training cells, its genes those predicted.
        head: on the image encoder's features.
        genes: a row a gene: `retrieval_share` of the mixture, `held_out_r` of each way, and levels of a stain.
        k: neighbours in the bank.
    """

    bank: Bank
    head: ExpressionHead
    genes: pd.DataFrame
    k: int = NEIGHBOURS

    def __call__(self, images: np.ndarray, features: np.ndarray, sections: np.ndarray) -> CellPrediction:
        """Predict q cells from (q, D) unit vectors of their crops, (q, F) features, and (q,) names of sections.

        Whole sections, or fair samples of them: each one's own mean is taken away.
        """
        found = retrieve(self.bank, images, sections, self.k)
        by_head = predicted_by(self.head, standardised(features, sections))
        share = self.genes["retrieval_share"].to_numpy(np.float64)
        mixture = mixed(found.expression, by_head, share).astype(np.float32)
        return CellPrediction(mixture, found.expression, by_head, found)


def variable_genes(cells: ObservedCells, most: int = GENES) -> list[str]:
    """Return the genes that vary most over training cells, most variable first."""
    expression: Any = log_expression(cells.counts, usual_total(cells.counts))
    mean = np.asarray(expression.mean(axis=0)).ravel()
    variance = variance_of(mean, np.asarray(expression.multiply(expression).mean(axis=0)).ravel())
    detected = np.asarray((expression > 0).mean(axis=0)).ravel()
    return [cells.genes[i] for i in by_variance(variance, detected)[:most]]


def fit_predictor(
    cells: ObservedCells,
    weights: str,
    temperature: float,
    genes: list[str] | None = None,
    how: HeadTraining | None = None,
    k: int = NEIGHBOURS,
) -> CellPredictor:
    """Make a predictor of training cells.

    Args:
        cells: observed by the model.
        weights: hash of the model.
        temperature: of its contrast.
        genes: that are predicted; None: the most variable ones.
        how: the head is trained.
        k: neighbours in the bank.

    Raises:
        DataError: a gene that the cells' panel lacks.
    """
    how = how or HeadTraining()
    whole = Bank.of(cells, weights, temperature)
    names = genes or variable_genes(cells)
    columns = gene_map(names, whole.genes)
    if (columns < 0).any():
        lost = names[int(np.flatnonzero(columns < 0)[0])]
        raise DataError(f"gene {lost} is not in the panel of {len(whole.genes):,} genes: leave it out")
    picked: Any = whole.expression.tocsc()[:, columns]
    bank = replace(whole, expression=sp.csr_matrix(picked), genes=tuple(names))
    counts: Any = cells.counts.tocsc()[:, columns]
    data = HeadData.of(
        standardised(cells.features, cells.column("section")),
        bank.expression.toarray(),
        counts.toarray(),
        cells.panels()[:, columns].astype(np.float32),
    )
    found, by_head, epochs = _held_out(cells, bank, data, how, k)
    head, _ = fit_head(data, None, replace(how, epochs=epochs))
    return CellPredictor(bank, head, _gene_table(bank, data, found, by_head), k)


def folds_of(cells: ObservedCells, folds: int = FOLDS) -> np.ndarray:
    """Return (n,) numbers of the groups that are left out in turn: patients, else sections, else quarters of one."""
    for column in ("patient", "section"):
        names, number = np.unique(cells.column(column), return_inverse=True)
        if len(names) > 1:
            sizes = np.bincount(number)
            of, load = np.zeros(len(names), dtype=int), np.zeros(min(folds, len(names)))
            for name in np.argsort(-sizes, kind="stable"):
                of[name] = int(load.argmin())
                load[of[name]] += sizes[name]
            return of[number]
    right = (cells.places > np.median(cells.places, axis=0)).astype(int)
    return right[:, 0] * 2 + right[:, 1]


def _held_out(
    cells: ObservedCells, bank: Bank, data: HeadData, how: HeadTraining, k: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return (n, g) predictions of every cell by bank and by head that do not know its group, and the usual epochs."""
    fold = folds_of(cells)
    queries = centred_units(cells.images, cells.column("section"))
    found, by_head = np.zeros((2, len(cells), len(bank.genes)), np.float32)
    epochs = []
    for number in np.unique(fold):
        out = fold == number
        part = replace(
            bank, keys=bank.keys[~out], images=bank.images[~out], obs=bank.obs.iloc[np.flatnonzero(~out)],
            expression=sp.csr_matrix(_rows(bank.expression, ~out)),
        )  # fmt: skip
        weights = neighbour_weights(queries[out], part.keys, k, bank.temperature)
        found[out] = mean_expression(weights, part)
        inside, outside = torch.from_numpy(np.flatnonzero(~out)), torch.from_numpy(np.flatnonzero(out))
        head, at = fit_head(data.at(inside), data.at(outside), how)
        by_head[out] = predicted_by(head, data.features.numpy()[out])
        epochs.append(at)
    return found, by_head, int(np.median(epochs))


def _rows(matrix: Any, rows: np.ndarray) -> Any:
    return matrix[np.flatnonzero(rows)]


def _gene_table(bank: Bank, data: HeadData, found: np.ndarray, by_head: np.ndarray) -> pd.DataFrame:
    truth, measured = data.expression.numpy(), data.measured.numpy() > 0
    share = mixing_weights(truth, found, by_head, measured)
    both = mixed(found, by_head, share)
    ways = {"retrieval": found, "head": by_head, "mixture": both}
    table = pd.DataFrame({"retrieval_share": share}, index=pd.Index(bank.genes, name="gene"))
    for name, predicted in ways.items():
        table[f"held_out_r_{name}"] = [_pearson(truth[own, i], predicted[own, i]) for i, own in enumerate(measured.T)]
    levels = measured_levels(truth)
    table[[f"measured_{name}" for name in LEVELS]] = levels.T
    table[list(LEVELS)] = matched_levels(truth, both, levels).T
    return table


def _pearson(truth: np.ndarray, predicted: np.ndarray) -> float:
    if len(truth) < 3 or np.ptp(truth) == 0:
        return float("nan")
    return 0.0 if np.ptp(predicted) < 1e-9 else float(np.corrcoef(truth, predicted)[0, 1])


def save_predictor(folder: Path, predictor: CellPredictor) -> None:
    """Write a predictor into a folder, whole or not at all.

    Raises:
        ConfigError: the folder is there.
        NoSpaceError: the disk is full.
    """
    require_free(folder)
    with atomic_path(folder) as made:
        made.mkdir()
        write_bank(made / FILES[0], predictor.bank)
        (made / FILES[1]).write_text(frame_as_csv(predictor.genes, index=True))
        torch.save(predictor.head.state_dict(), made / FILES[2])
        settings = {name: value for name, value in predictor.head.config.items() if name != "part"}
        marks = {name: sha256_of(made / name) for name in FILES[:3]}
        (made / FILES[3]).write_text(json.dumps({"head": settings, "k": predictor.k, "sha256": marks}))


def load_predictor(folder: Path) -> CellPredictor:
    """Read what `save_predictor` wrote.

    Raises:
        DataError: missing, or not a predictor.
    """
    cure = "make it again with 'past cells --keep FOLDER'"
    said = read_json(folder / FILES[3], cure)
    with reading(folder, "not a predictor of cells", cure):
        changed = [name for name in FILES[:3] if sha256_of(folder / name) != said["sha256"][name]]
        if changed:
            raise DataError(f"{folder / changed[0]}: damaged, or of another predictor: {cure}")
        require_number("k", int(said["k"]), least=1)
    bank = read_bank(folder / FILES[0])
    table = read_frame(folder / FILES[1], cure)
    with reading(folder, "not a predictor of cells", cure):
        head = ExpressionHead(**said["head"])
        head.load_state_dict(torch.load(folder / FILES[2], weights_only=True, map_location="cpu"))
        genes = table.set_index("gene").astype(np.float64)
        if tuple(map(str, genes.index)) != bank.genes:
            raise DataError(f"{folder}: its genes are not its bank's: {cure}")
        return CellPredictor(bank, head.eval(), genes, int(said["k"]))
