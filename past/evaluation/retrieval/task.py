"""`task=retrieval`: does a crop find its own transcriptome in its section, and a transcriptome its crop?

Every table stands beside chance, beside a linear map from colour to expression, and, where cell types are known,
beside the ceiling that knowing the type alone would give.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from past.base.errors import CheckpointError, ConfigError, DataError, require_number
from past.base.h5ad import sha256_of
from past.base.runs import Run
from past.checkpoints.saved import WEIGHTS
from past.data.stream.datamodule import DataModule
from past.data.stream.sampling import broken_sections
from past.evaluation.results import Results
from past.evaluation.retrieval.linear_map import linear_matcher
from past.evaluation.retrieval.scores import KS, Matcher, score_table
from past.evaluation.statistics.units import Places
from past.evaluation.task import Door, Row
from past.evaluation.trained import data_of, origin_of, trained
from past.models import load_model
from past.models.past.batch import CellBatch
from past.models.past.embed import Embeddings, embed_cells
from past.models.past.model import PASTModel
from past.models.past.samples.cells import CellSamples
from past.models.past.vocabulary import RESERVED

log = logging.getLogger(__name__)


def for_screen(rows: Sequence[Row]) -> list[Row]:
    """Return what fits a terminal: every section and all cells, both directions' mean, beside chance and ceiling."""
    shown: list[Row] = []
    for row in rows:
        if row["scope"] == "patient":
            continue
        ranks = [row[f"median_rank/{way}"] for way in ("image_to_cell", "cell_to_image")]
        ks = [name.split("/")[0] for name in row if name.endswith("/mean")]
        middle = ks[len(ks) // 2]
        ends = [row[f"{middle}/{end}"] for end in ("low", "high")]
        shown.append(
            {"section": row["name"], "by": row["matcher"], "cells": row["cells"]}
            | {name.replace("recall", "r"): row[f"{name}/mean"] for name in ks}
            | {f"95 %@{middle.split('@')[1]}": None if None in ends else "–".join(f"{end:.3f}" for end in ends)}
            | {"units": f"{row['units']} {row['resampled']}"}
            | {f"chance@{middle.split('@')[1]}": row[f"{middle}/chance"]}
            | {f"type@{middle.split('@')[1]}": row[f"{middle}/ceiling"]}
            | {"median rank": " / ".join(f"{rank:.0f}" for rank in ranks)}
        )
    return shown


def nearest_transcriptomes(found: Embeddings, query: int, k: int = 5) -> np.ndarray:
    """Return the rows of the k transcriptomes nearest to the crop of row `query`, within its section."""
    sections = found.column("section")
    pool = np.flatnonzero(sections == sections[query])
    similarity = found.cells[torch.from_numpy(pool)] @ found.images[query]
    return pool[similarity.topk(min(k, len(pool))).indices.numpy()]


@dataclass(frozen=True)
class TrainedPAST:
    """A trained PAST and its cells.

    Attributes:
        run: of the training.
        checkpoint: file or folder that the model came from.
        model: in evaluation mode.
        data: set up; the validation cells are judged, the training cells serve the linear map.
    """

    run: Run
    checkpoint: Path
    model: PASTModel
    data: DataModule[CellBatch]


def _leave_out_broken(data: DataModule[CellBatch], results: Results) -> None:
    """Note what is broken of each section that cannot be judged, and leave it out.

    Raises:
        DataError: none can be judged.
    """
    if data.on_error == "skip":
        return
    broken = broken_sections(data.split.val, data.open_shard)
    for section, error in broken.items():
        log.warning("section %s is left out: %s", section, error)
        results.fault(f"section {section}: {error}")
    if broken.keys() >= {shard.section for shard in data.split.val.shards}:
        raise DataError(*results.faults)
    data.leave_out(broken)


class Retrieval:
    """Embeds the validation cells, scores them, and writes `retrieval.json`, `.csv` and `_examples.npz`.

    Args:
        ks: the k of recall@k.
        examples: query crops kept for the figure.
        baseline_cells: cells that the linear map is fitted on at most.
        seed: of the choice of examples.
    """

    name = "retrieval"

    def __init__(self, ks: Sequence[int] = KS, examples: int = 6, baseline_cells: int = 20_000, seed: int = 0) -> None:
        for k in ks:
            require_number("task.ks", k, least=1)
        require_number("task.examples", examples, least=1)
        require_number("task.baseline_cells", baseline_cells, least=1)
        self._settings = {"ks": list(ks), "examples": examples, "baseline_cells": baseline_cells, "seed": seed}
        self._ks, self._examples, self._baseline_cells, self._seed = tuple(ks), examples, baseline_cells, seed

    def open(self, config: Mapping[str, Any], door: Door) -> TrainedPAST:
        """Open a training's model and its own data.

        Raises:
            CheckpointError: not a PAST.
        """
        run, checkpoint = trained(config)
        saved = load_model(checkpoint)
        if not isinstance(saved.model, PASTModel):
            kind = type(saved.model).__name__
            raise CheckpointError(f"{checkpoint}: holds a {kind}, not PAST: use task=zero_shot or task=imputation")
        data = data_of(config, run, door)
        if not isinstance(data.samples, CellSamples):
            raise ConfigError(f"{run.config}: its data are no cells: give the run that trained {checkpoint}")
        data.samples.use_tokenizer(saved.tokenizer)
        data.setup("validate")
        return TrainedPAST(run, checkpoint, saved.model.to("cuda" if torch.cuda.is_available() else "cpu"), data)

    def origin(self, given: TrainedPAST) -> dict[str, object]:
        """Return the checkpoint, the cells and the settings."""
        file = given.checkpoint / WEIGHTS if given.checkpoint.is_dir() else given.checkpoint
        train, val = ([shard.section for shard in side.shards] for side in given.data.split)
        return {**origin_of(given.checkpoint, sha256_of(file), given.data.index.root, val, train), **self._settings}

    def __call__(self, given: TrainedPAST, results: Results) -> list[Row]:
        """Judge the model on the validation cells; returns what the screen shows of the rows."""
        data = given.data
        _leave_out_broken(data, results)
        found = embed_cells(given.model, data.val_dataloader())
        baseline = linear_matcher(
            data.split.train, data.split.val, self._baseline_cells, data.open_shard, data.on_error
        )
        if baseline.keys != found.keys:
            raise DataError("the linear map saw other cells than the model: the shards changed under the evaluation")
        matchers = [Matcher("PAST", found.images, found.cells), Matcher("linear", baseline.images, baseline.cells)]
        places = Places(found.column("patient"), found.column("section"), baseline.places)
        rows, paired = score_table(matchers, places, found.column("cell_type"), self._ks)
        results.write_csv("retrieval.csv", pd.DataFrame(rows))
        self._write_examples(found, data, results)
        results.write_summary({"checkpoint": str(given.checkpoint), "rows": rows, "paired": paired})
        return for_screen(rows)

    def _write_examples(self, found: Embeddings, data: DataModule[CellBatch], results: Results) -> None:
        """Keep a few query crops with what they find, for the figure."""
        types = found.column("cell_type")
        vocabulary = np.array(data.samples.gene_names)
        named = np.where(found.genes >= RESERVED, vocabulary[np.maximum(found.genes - RESERVED, 0)], "")
        labels = [kind or " ".join(genes[genes != ""]) for kind, genes in zip(types, named, strict=True)]
        chosen = np.random.default_rng(self._seed).permutation(len(found.keys))[: self._examples]
        wanted, crops = {found.keys[i] for i in chosen}, {}
        for batch in data.val_dataloader():
            pairs = zip(batch.keys, batch.crops, strict=True)
            crops |= {key: crop.clone() for key, crop in pairs if key in wanted}  # a view would keep the whole batch
        nearest = [nearest_transcriptomes(found, int(i)) for i in chosen]
        with results.file("retrieval_examples.npz") as file:
            np.savez(
                file,
                crops=np.stack([crops[found.keys[i]].permute(1, 2, 0).numpy() for i in chosen]),
                truth=np.array([labels[i] for i in chosen]),
                nearest=np.array([[labels[j] for j in row] for row in nearest]),
                hit=np.array([[i == j for j in row] for i, row in zip(chosen, nearest, strict=True)]),
            )
