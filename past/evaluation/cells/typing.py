"""`task=cell_typing`: what a cell is, by its image, beside the same from its true expression."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from torchmetrics.classification import (
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from past.base.errors import DataError, require_number
from past.base.vocabularies import word
from past.evaluation.cells.opened import COLOURS, JudgedCells, open_cells
from past.evaluation.results import Results
from past.evaluation.statistics.jackknife import plain
from past.evaluation.statistics.means import mean_over
from past.evaluation.statistics.units import Places
from past.evaluation.task import Door, Row
from past.models.past.cells.observed import ObservedCells, centred_units, log_expression, standardised, usual_total
from past.models.past.cells.retrieval import NEIGHBOURS, neighbour_weights, vote
from past.models.past.model import TEMPERATURES, PASTModel

UNKNOWN: Final = ("unknown", "unassigned", "unlabeled", "unlabelled")


@dataclass(frozen=True)
class Typed:
    """Types of n cells by one way; `source`: "image", or "expression": the ceiling of the same way."""

    way: str
    source: str
    found: np.ndarray


class CellTyping:
    """Names the type of every validation cell of a known type.

    Writes `cell_typing.csv` and `.json`: macro F1, balanced accuracy, each type's precision and recall, and the
    confusion matrix, for the nearest prototype of a type, the bank's vote, a linear probe; beside the majority and a
    linear probe of colours.

    Args:
        neighbours: in the bank.
        seed: of the probes.
    """

    name = "cell_typing"

    def __init__(self, neighbours: int = NEIGHBOURS, seed: int = 0) -> None:
        require_number("task.neighbours", neighbours, least=1)
        self._neighbours, self._seed = neighbours, seed

    def open(self, config: Mapping[str, Any], door: Door) -> JudgedCells:
        """Open a training's model and its own data."""
        return open_cells(config, door)

    def origin(self, given: JudgedCells) -> dict[str, object]:
        """Return the weights, the cells and the settings."""
        return {**given.origin(), "neighbours": self._neighbours, "seed": self._seed}

    def __call__(self, given: JudgedCells, results: Results) -> list[Row]:
        """Judge every way; returns what the screen shows of the rows."""
        train, val = (with_type(cells) for cells in given.cells)
        left_out = len(given.cells[1]) - len(val)
        names = sorted(set(train.column("cell_type")))
        strange = sorted(set(val.column("cell_type")) - set(names))
        if strange:
            results.fault(f"type {strange[0]} is of no training cell: its cells are never named right")
        names += strange
        truth = val.column("cell_type")
        places = Places(val.column("patient"), val.column("section"), val.places)
        model = given.saved.model
        assert isinstance(model, PASTModel)
        heat = float(model.temperature.detach().clamp(*TEMPERATURES))
        rows = [_row(one, truth, names, places) for one in typed(train, val, heat, self._neighbours, self._seed)]
        results.write_csv(f"{self.name}.csv", pd.DataFrame(rows).drop(columns=["confusion", "by_type"]))
        results.write_summary({"types": names, "left_out": left_out, "rows": rows})
        keys = ("by", "source", "macro_f1", "balanced_accuracy", "accuracy")
        return [{key: round(row[key], 3) if isinstance(row[key], float) else row[key] for key in keys} for row in rows]


def with_type(cells: ObservedCells) -> ObservedCells:
    """Return the cells whose type is known.

    Raises:
        DataError: none is.
    """
    known = [word(name) is not None and name.lower() not in UNKNOWN for name in cells.column("cell_type")]
    if not any(known):
        raise DataError("no cell has a known cell_type: give sections whose cells are annotated")
    return cells.at(np.array(known))


def typed(train: ObservedCells, val: ObservedCells, heat: float, k: int, seed: int) -> list[Typed]:
    """Name the types of the validation cells by every way."""
    labels = train.column("cell_type")
    names = np.array(sorted(set(labels)))
    keys, images, cells = (
        centred_units(rows, side.column("section"))
        for rows, side in ((train.cells, train), (val.images, val), (val.cells, val))
    )
    centres = np.stack([keys[labels == name].mean(axis=0) for name in names])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
    target = usual_total(train.counts)
    profiles = [log_expression(cells.counts, target).toarray() for cells in (train, val)]
    common = names[np.unique(labels, return_counts=True)[1].argmax()]
    colours = [standardised(cells.other[COLOURS], cells.column("section")) for cells in (train, val)]
    features = [standardised(cells.features, cells.column("section")) for cells in (train, val)]
    found = []
    for source, places in (("image", images), ("expression", cells)):
        found.append(Typed("prototypes", source, names[(places @ centres.T).argmax(axis=1)]))
        weights = neighbour_weights(places, keys, k, heat)
        found.append(Typed("bank's vote", source, vote(weights, labels)[0]))
    found.append(Typed("linear probe", "image", _probe(features[0], features[1], labels, seed)))
    found.append(Typed("linear probe", "expression", _probe(profiles[0], profiles[1], labels, seed)))
    found.append(Typed("colours, linear probe", "image", _probe(colours[0], colours[1], labels, seed)))
    return [*found, Typed("majority", "none", np.full(len(val), common))]


def _probe(known: np.ndarray, asked: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500, random_state=seed))
    return probe.fit(known, labels).predict(asked)


def _row(one: Typed, truth: np.ndarray, names: list[str], places: Places) -> Row:
    place = {name: i for i, name in enumerate(names)}
    found, wanted = (torch.tensor([place[name] for name in labels]) for labels in (one.found, truth))
    count = len(names)
    scores = {
        name: metric(num_classes=count, average="none")(found, wanted).tolist()
        for name, metric in (
            ("precision", MulticlassPrecision), ("recall", MulticlassRecall), ("f1", MulticlassF1Score)
        )
    }  # fmt: skip
    there = [name in set(truth.tolist()) for name in names]  # a type that no judged cell is of has no say
    macro = {key: float(np.mean([value for value, is_there in zip(values, there, strict=True) if is_there]))
             for key, values in scores.items()}  # fmt: skip
    accuracy, units = mean_over((one.found == truth).astype(np.float64)[:, None], places)
    low, high = np.clip(accuracy.interval()[:, 0], 0, 1)
    by_type = [
        dict(zip(("type", *scores), values, strict=True)) for values in zip(names, *scores.values(), strict=True)
    ]
    return {
        "by": one.way, "source": one.source, "cells": len(truth), "macro_f1": macro["f1"],
        "balanced_accuracy": macro["recall"], "accuracy": float(accuracy.value[0]), "accuracy/low": plain(low),
        "accuracy/high": plain(high), **units.facts, "by_type": by_type,
        "confusion": MulticlassConfusionMatrix(num_classes=count)(found, wanted).tolist(),
    }  # fmt: skip
