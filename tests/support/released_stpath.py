"""Fixtures: a tiny STPath in the released form, and a slide for it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from past.models.stpath.model import STPath
from past.models.stpath.predict import Predictor, load_stpath
from past.models.stpath.published import to_published

SYMBOLS = {f"GENE{i}": f"ENSG{i:03d}" for i in range(20)} | {"TWIN1": "ENSG900", "TWIN2": "ENSG900"}


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A directory with `stfm.pth` and `symbol2ensembl.json`."""
    torch.manual_seed(0)
    model = STPath(23, features=8, dim=16, depth=2, heads=2)
    torch.nn.init.normal_(model.head.bias, 1.0)
    torch.save(to_published(model), tmp_path / "stfm.pth")
    (tmp_path / "symbol2ensembl.json").write_text(json.dumps(SYMBOLS))
    return tmp_path


@pytest.fixture
def predictor(released: Path) -> Predictor:
    return load_stpath(released / "stfm.pth", genes=released / "symbol2ensembl.json", device="cpu")


@pytest.fixture
def slide() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((12, 8)).astype(np.float32), rng.integers(0, 5000, (12, 2))
