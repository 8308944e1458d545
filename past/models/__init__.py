"""The models, a line each, and how one that was saved is loaded. A model's folder imports no other model's."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from past.base.errors import CheckpointError

if TYPE_CHECKING:
    from past.checkpoints.saved import Saved
    from past.nn.layers import Part

MODELS: Final = (  # modules whose `PARTS` are the classes that a checkpoint of the model may name
    "past.models.past.model",
    "past.models.past.cells.tower_head",
    "past.models.stpath.model",
    "past.models.survival.model",
)


def parts() -> dict[str, type[Part]]:
    """Return every class that a checkpoint may be built of, by its name: nothing else is ever built from a file."""
    return {part.__name__: part for module in MODELS for part in import_module(module).PARTS}


def load_model(path: str | Path) -> Saved:
    """Read a model's directory, or a training run's `.ckpt`; the model is in evaluation mode.

    Raises:
        CheckpointError: missing, broken, of a newer version, or weights that do not fit their description.
    """
    from past.checkpoints.saved import load_saved  # torch takes seconds to import

    return load_saved(path, parts())


def load_part(path: str | Path, name: str | None = None) -> Part:
    """Read a model, or one part of it (`cell_encoder`, `image_encoder`, …), as initial weights for training.

    An encoder that was imported by itself (`past import uni`, `past import nicheformer`) is that part.

    Raises:
        CheckpointError: as `load_model`, or no such part.
    """
    from past.nn.layers import Part  # torch takes seconds to import

    model = load_model(path).model.train()
    children = {child: part for child, part in model.named_children() if isinstance(part, Part)}
    if name is None or (name not in children and name == model.alone_as):
        return model
    if name not in children:
        raise CheckpointError(f"{path}: no part {name!r}; it is a {type(model).__name__} of {', '.join(children)}")
    return children[name]
