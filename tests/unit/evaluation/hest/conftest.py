"""A tiny benchmark and models that need no head: PAST with two folds' checkpoints, STPath."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bench import GENES, write_task

from past.checkpoints.saved import Saved, save_model
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.model import PASTModel
from past.models.past.samples.tokens import Tokenizer
from past.models.stpath.model import STPath
from past.models.stpath.published import import_stpath, to_published
from past.nn.colour import ColourEncoder


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    write_task(tmp_path)
    return tmp_path


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """Two checkpoints, one for each of folds 0 and 1; the second saw sample B, its fold's test."""
    for fold in (0, 1):
        torch.manual_seed(fold)
        tokenizer = Tokenizer(GENES, GENES, {"Visium": np.ones(len(GENES))}, context=6, neighbours=3)
        cells = ExpressionEncoder(tokenizer.vocabulary_size, width=8)
        torch.nn.init.normal_(cells.components)  # type: ignore[arg-type]
        model = PASTModel(ColourEncoder(), cells, dim=4)
        seen = {"sections": ["B", "C"], "patients": ["of B", "of C"]}
        crops = {"normalise_stain": bool(fold)}
        save_model(tmp_path / f"past-{fold}", Saved(model, tokenizer.state(), crops, trained_on=seen))
    return tmp_path / "past-{fold}"


@pytest.fixture
def stpath(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = STPath(2 + len(GENES), features=48, dim=16, depth=1, heads=2)
    torch.nn.init.normal_(model.head.bias, 1.0)
    torch.save(to_published(model), tmp_path / "stfm.pth")
    (tmp_path / "symbols.json").write_text(json.dumps({gene: f"ENSG{i}" for i, gene in enumerate(GENES)}))
    save_model(tmp_path / "stpath", import_stpath(tmp_path / "stfm.pth", tmp_path / "symbols.json"))
    return tmp_path / "stpath"
