"""Slides in a shard set, and an STPath that knows their genes."""

from pathlib import Path

import pytest
import torch
from slide_shards import GENES, WIDTH, write_slides

from past.checkpoints.saved import Saved
from past.data.shards.slides import SlideSet
from past.models.stpath.model import STPath
from past.models.stpath.predict import Predictor
from past.models.stpath.vocabulary import GeneVocabulary


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> SlideSet:
    return SlideSet.open(write_slides(tmp_path_factory.mktemp("slides") / "set"))


@pytest.fixture
def model(tmp_path: Path) -> Predictor:
    torch.manual_seed(0)
    stpath = STPath(2 + len(GENES), features=WIDTH, dim=16, depth=1, heads=2)
    (tmp_path / "weights").write_bytes(b"")
    return Predictor(Saved(stpath, GeneVocabulary({g: g for g in GENES}).state()), tmp_path / "weights")
