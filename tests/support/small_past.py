"""A PAST whose fixed parts are fitted to two small sections, as a folder of `past import`, with its shards."""

from pathlib import Path

import torch
from data_modules import cell_data
from every_command import past, write_sections

from past.checkpoints.saved import Saved, save_model
from past.data.stream.datamodule import DataModule
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.model import PASTModel
from past.models.past.module import PASTModule
from past.models.past.vocabulary import RESERVED
from past.nn.colour import ColourGrid

GENES = 8


def small_past(root: Path) -> tuple[Path, Path, list[Path]]:
    """Write the sections, their shards and the model below `root`; return folder of the model, of shards, and sections.

    The model reads every section brought to one stain, and expression beside its section's mean.
    """
    sections = write_sections(root / "sections")
    past("shards", "anndata", *sections, "--out", root / "shards", "--px", 24)
    data = validating(root / "shards")
    torch.manual_seed(0)
    model = PASTModel(ColourGrid(2), ExpressionEncoder(RESERVED + GENES, width=4), dim=6, dropout=0.0)
    PASTModule(model).fit_parts(data.samples.for_fitting())
    save_model(root / "model", Saved(model, **data.description()))
    return root / "model", root / "shards", sections


def validating(shards: Path) -> DataModule:
    """The shards as a training reads them, patient P2 to validate on."""
    data = cell_data(
        shards, val=["P2"], num_workers=0, context=GENES, neighbours=2, normalise_stain=True, centre_expression=True
    )
    data.setup("validate")
    return data
