"""Configurations and checkpoints of before the modules had today's names: old name → today's."""

from collections.abc import Mapping
from typing import Any, Final

MOVED: Final = {  # old `_target_` → its place now; a name that is not here has not moved
    "past.data.masking.Masking": "past.models.stpath.samples.masking.Masking",
    "past.data.transforms.Augmentation": "past.models.past.samples.augmentation.Augmentation",
    "past.models.cell_encoder.CellEncoder": "past.models.past.cell_encoder.CellEncoder",
    "past.models.colour.ColourEncoder": "past.nn.colour.ColourEncoder",
    "past.models.colour.ColourGrid": "past.nn.colour.ColourGrid",
    "past.models.conch.CONCHEncoder": "past.nn.conch.CONCHEncoder",
    "past.models.expression_encoder.ExpressionEncoder": "past.models.past.expression_encoder.ExpressionEncoder",
    **{
        f"past.models.fusion.{name}": f"past.models.past.fusion.{name}"
        for name in ("Add", "WeightedAdd", "Gated", "Film", "Concat", "CrossAttention")
    },
    "past.models.image_encoder.ImageEncoder": "past.nn.image_encoder.ImageEncoder",
    "past.models.niche_encoder.NicheEncoder": "past.models.past.niche_encoder.NicheEncoder",
    "past.training.execution.Execution": "past.models.past.execution.Execution",
    "past.training.optim.Optim": "past.models.past.optim.Optim",
    "past.training.past_module.Contrast": "past.models.past.module.Contrast",
}
DATA: Final = "past.data.stream.datamodule.DataModule"
SAMPLES: Final = {  # old data module → the samples that it is now made of
    "past.data.datamodules.CellDataModule": "past.models.past.samples.cells.CellSamples",
    "past.data.slide_datamodule.SlideDataModule": "past.models.stpath.samples.slides.SlideSamples",
}
OF_SAMPLES: Final = {  # settings that were the data module's and are the samples' now
    *("context", "neighbours", "radius", "vocabulary", "technology_mean", "normalise_stain", "centre_expression"),
    *("augmentation", "rounds", "masking", "image_dropout"),
}
MODULES: Final = {  # old Lightning module, which held the model's settings too → the model, and what trains it now
    "past.training.past_module.PASTModule": ("past.models.past.model.PASTModel", "past.models.past.module.PASTModule"),
    "past.training.stpath_module.STPathModule": (
        "past.models.stpath.model.STPath",
        "past.models.stpath.module.STPathModule",
    ),
}
OF_MODULE: Final = {"loss", "optim", "execution", "by_rows"}  # of these settings, the module's
STATES: Final = ("CellDataModule", "SlideDataModule")  # under which a checkpoint keeps the place in the epoch


def upgraded(node: Any) -> Any:
    """Return a run's plain configuration with the names of today; one of today is returned as it is."""
    if isinstance(node, list):
        return [upgraded(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    known = {str(key): upgraded(value) for key, value in node.items()}
    target = _target(known)
    if target in SAMPLES:
        samples = {key: known.pop(key) for key in sorted(OF_SAMPLES & known.keys())}
        slides = {"open_shards": 1, "buffer": 0} if target.endswith("SlideDataModule") else {}
        return {**slides, **known, "_target_": DATA, "samples": {"_target_": SAMPLES[target], **samples}}
    model = known.get("model")
    if isinstance(model, Mapping) and _target(model) in MODULES:
        known |= _parted(model)
    return known | ({"_target_": MOVED[target]} if target in MOVED else {})


def _target(node: Mapping[str, Any]) -> str:
    """Return what a node is to become; "" where it is none of ours."""
    target = node.get("_target_")
    return target if isinstance(target, str) else ""


def _parted(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nodes `model` and `module` of an old `model`."""
    parts: list[dict[str, Any]] = [{"_target_": target} for target in MODULES[node["_target_"]]]
    model, module = parts
    for key, value in node.items():
        if key != "_target_":
            (module if key in OF_MODULE else model)[key] = value
    loss = module.get("loss")
    if isinstance(loss, dict) and "temperature" in loss:  # it was the loss's
        model["temperature"] = loss.pop("temperature")
    return {"model": model, "module": module}


def with_states_of_today(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint whose data module's state stands under the data module's present name."""
    for name in STATES:
        if name in checkpoint:
            checkpoint["DataModule"] = checkpoint.pop(name)
    return checkpoint
