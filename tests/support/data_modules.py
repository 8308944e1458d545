"""Data modules of both models from flat options: those of the model's samples go to them."""

import inspect
from pathlib import Path
from typing import Any

from past.data.stream.datamodule import DataModule
from past.models.past.samples.cells import CellSamples
from past.models.stpath.samples.masking import Masking
from past.models.stpath.samples.slides import SlideSamples

SMALL = Masking(patch=(20, 64), variable_genes=5)


def cell_data(root: str | Path, **options: Any) -> DataModule[Any]:
    """Cells from shards, for PAST."""
    return _data(CellSamples, root, options)


def slide_data(root: str | Path, **options: Any) -> DataModule[Any]:
    """Slides from shards, for STPath."""
    return _data(SlideSamples, root, {"batch_size": 2, "open_shards": 1, "buffer": 0, **options})


def _data(samples: type, root: str | Path, options: dict[str, Any]) -> DataModule[Any]:
    own = {name: options.pop(name) for name in inspect.signature(samples).parameters if name in options}
    return DataModule(str(root), samples(**own), **options)


def small_slides(root: Path, **options: Any) -> DataModule:
    """Slides with small patches, ready to train on; patient C validates."""
    settings = {"val": ["C"], "num_workers": 0, "masking": SMALL}
    data = slide_data(str(root), **{**settings, **options})
    data.setup("fit")
    return data
