"""What the tasks of cells judge: a trained PAST, its own cells, and every way of predicting their expression."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from past.base.errors import CheckpointError, ConfigError
from past.base.genes import gene_map
from past.base.h5ad import sha256_of
from past.base.runs import Run
from past.checkpoints.saved import WEIGHTS, Saved
from past.data.stream.datamodule import DataModule
from past.evaluation.probes.reduction import Reduced, number_groups
from past.evaluation.probes.ridge import RidgeCVHead
from past.evaluation.statistics.units import Places
from past.evaluation.task import Door
from past.evaluation.trained import data_of, origin_of, trained
from past.models import load_model
from past.models.past.cells.head import HeadData, HeadTraining, fit_head, predicted_by
from past.models.past.cells.observed import (
    Describe,
    ObservedCells,
    centred_units,
    log_expression,
    observe,
    standardised,
)
from past.models.past.cells.predictor import CellPredictor, fit_predictor, folds_of, variable_genes
from past.models.past.cells.retrieval import mean_expression, neighbour_weights
from past.models.past.model import TEMPERATURES, PASTModel
from past.models.past.samples.cells import CellSamples
from past.nn.colour import ColourEncoder, colour_distribution
from past.slides.frozen_encoder import weights_hash

log = logging.getLogger(__name__)

COLOURS: Final = "colours"
PLAIN: Final = "plain"
ALIKE: Final = 0.1  # temperature of the neighbours by image features


@dataclass(frozen=True)
class JudgedCells:
    """A trained PAST and its cells.

    Attributes:
        run: of the training.
        checkpoint: file or folder that the model came from.
        saved: the model and its tokenizer.
        data: its shards, split.
        plain: an image encoder that no contrast has touched; None: none is given.
    """

    run: Run
    checkpoint: Path
    saved: Saved
    data: DataModule[Any]
    plain: torch.nn.Module | None = None

    @cached_property
    def cells(self) -> tuple[ObservedCells, ObservedCells]:
        """Training and validation cells, observed once."""
        other: dict[str, Describe] = {COLOURS: colour_distribution}
        if self.plain is not None:
            if isinstance(self.plain, ColourEncoder):
                self.plain.fit(batch.crops for batch in self.data.samples.for_fitting())
            other[PLAIN] = self.plain.eval()
        train, val = (
            observe(self.saved, side, 128, self.data.open_shard, self.data.on_error, other) for side in self.data.split
        )
        return train, val

    def origin(self) -> dict[str, object]:
        """Return the weights and the cells."""
        file = self.checkpoint / WEIGHTS if self.checkpoint.is_dir() else self.checkpoint
        train, val = (list(dict.fromkeys(shard.section for shard in side.shards)) for side in self.data.split)
        built = None if self.plain is None else getattr(self.plain, "config", type(self.plain).__name__)
        facts = origin_of(self.checkpoint, sha256_of(file), self.data.index.root, val, train)
        return {**facts, "plain_encoder": built}


def open_cells(config: Mapping[str, Any], door: Door) -> JudgedCells:
    """Open a training's model and its own data; `encoder=` is the one without contrast.

    Raises:
        CheckpointError: not a PAST.
        ConfigError: the run's data are no cells.
    """
    run, checkpoint = trained(config)
    saved = load_model(checkpoint)
    if not isinstance(saved.model, PASTModel):
        raise CheckpointError(f"{checkpoint}: holds a {type(saved.model).__name__}, not PAST: give a PAST's run")
    data = data_of(config, run, door)
    if not isinstance(data.samples, CellSamples):
        raise ConfigError(f"{run.config}: its data are no cells: give the run that trained {checkpoint}")
    data.samples.use_tokenizer(saved.tokenizer)
    data.setup("validate")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    saved.model.requires_grad_(False).to(device)
    plain = door.build(config["encoder"], "encoder") if config.get("encoder") else None
    return JudgedCells(run, checkpoint, saved, data, None if plain is None else plain.to(device))


@dataclass(frozen=True)
class Ways:
    """Every way of predicting the validation cells' expression.

    Attributes:
        genes: (g,) names, most variable of the training cells first.
        truth: (n, g) measured log1p expression of the validation cells.
        predicted: name of a way → (n, g).
        of_training: the same of the training cells where a way does not know them (left out by group), for levels.
        places: of the validation cells.
        predictor: bank and head.
        train_truth: (m, g).
    """

    genes: list[str]
    truth: np.ndarray
    predicted: dict[str, np.ndarray]
    places: Places
    predictor: CellPredictor
    train_truth: np.ndarray


def all_ways(given: JudgedCells, genes: list[str] | int, how: HeadTraining, k: int) -> Ways:
    """Fit every way on the training cells and predict the validation cells.

    Beside bank, head and their mixture: the training cells' mean; ridge on colours standardised within each section;
    the nearest training cells by image features; a head on the place on the sphere, which contrast made; and where an
    encoder without contrast is given, a head on that.

    Args:
        given: opened.
        genes: names, or how many of the most variable of the training cells.
        how: heads are trained.
        k: neighbours.

    Raises:
        DataError: a section on both sides.
    """
    train, val = given.cells
    model = given.saved.model
    assert isinstance(model, PASTModel)
    names = genes if isinstance(genes, list) else variable_genes(train, genes)
    heat = float(model.temperature.detach().clamp(*TEMPERATURES))
    predictor = fit_predictor(train, weights_hash(model), heat, names, how, k)
    predictor.bank.require_apart([], set(val.column("section")))
    shared = sorted(set(predictor.bank.patients) & set(val.column("patient")))
    if shared:
        log.warning("patient %s is in the bank and judged (other sections): scores will flatter", ", ".join(shared[:3]))
    columns = gene_map(names, train.genes)
    of_val: Any = log_expression(val.counts, predictor.bank.target).tocsc()[:, columns]
    truth, known = of_val.toarray().astype(np.float64), predictor.bank.expression.toarray().astype(np.float64)
    found = predictor(val.images, val.features, val.column("section"))
    sphere = [centred_units(side.images, side.column("section")) for side in (train, val)]
    predicted = {
        "mean": np.tile(known.mean(axis=0), (len(val), 1)),
        "colours, ridge": ridge(train, val, known),
        "k-NN of features": _alike(train, val, predictor, k),
        "retrieval": found.retrieval,
        "head": found.head,
        "mixture": found.mixture,
        "head on the sphere": _head(train, sphere[0], sphere[1], known, how),
    }
    if PLAIN in train.other:
        plain = [standardised(side.other[PLAIN], side.column("section")) for side in (train, val)]
        predicted["head without contrast"] = _head(train, plain[0], plain[1], known, how)
    places = Places(val.column("patient"), val.column("section"), val.places)
    return Ways(names, truth, predicted, places, predictor, known)


def ridge(train: ObservedCells, val: ObservedCells, known: np.ndarray) -> np.ndarray:
    """Return (n, g): ridge on colours, each section's standardised, its alpha chosen over the training patients."""
    colours = [standardised(cells.other[COLOURS], cells.column("section")) for cells in (train, val)]
    groups = number_groups(train.column("patient").tolist())
    return RidgeCVHead().predict(Reduced(colours[0], known, groups, colours[1])).clip(min=0)


def _alike(train: ObservedCells, val: ObservedCells, predictor: CellPredictor, k: int) -> np.ndarray:
    units = [standardised(cells.features, cells.column("section")) for cells in (val, train)]
    units = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in units]
    return mean_expression(neighbour_weights(units[0], units[1], k, ALIKE), predictor.bank)


def _head(
    train: ObservedCells, features: np.ndarray, others: np.ndarray, known: np.ndarray, how: HeadTraining
) -> np.ndarray:
    """Return (n, g) of a head on other features; its epochs are chosen on one group of training patients."""
    measured = np.ones(known.shape)
    data = HeadData.of(features, known, np.expm1(known), measured)
    fold = folds_of(train)
    rows = [torch.from_numpy(np.flatnonzero(side)) for side in (fold > 0, fold == 0)]
    _, epochs = fit_head(data.at(rows[0]), data.at(rows[1]), how)
    head, _ = fit_head(data, None, replace(how, epochs=epochs))
    return predicted_by(head, others)
