"""`past import` and `past export`: models in the form that others released, and in our own."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from past.base.errors import DataError
from past.cli.screen import say

if TYPE_CHECKING:
    import numpy as np

    from past.checkpoints.saved import Saved

imports = typer.Typer(no_args_is_help=True, help="Read checkpoints that others released into our own form.")
exports = typer.Typer(no_args_is_help=True, help="Write our own models in the form that others released.")

Checkpoint = Annotated[Path, typer.Argument(help="The released file (.pth, .bin, .ckpt or .safetensors).")]
ModelOut = Annotated[Path, typer.Option("--out", help="Directory to make; an existing one is never touched.")]
Vocabulary = Annotated[
    Path | None,
    typer.Option("--genes", help="The gene list that its tokens number (.h5ad, .json or .txt)."),
]
XeniumMean = Annotated[
    Path | None,
    typer.Option(help="Mean of each gene over Xenium cells that express it (.npy): orders the tokens."),
]


@imports.command("past")
def import_past(
    checkpoint: Checkpoint, out: ModelOut, genes: Vocabulary = None, xenium_mean: XeniumMean = None
) -> None:
    """The released PAST, every name of it accounted for.

    Example: past import past past.pth --out models/past --genes nicheformer_genes.h5ad
    """
    from past.models.past import published

    _import(out, lambda: published.import_past(checkpoint, *_vocabulary(genes, xenium_mean)))


@imports.command("nicheformer")
def import_nicheformer(
    checkpoint: Checkpoint, out: ModelOut, genes: Vocabulary = None, xenium_mean: XeniumMean = None
) -> None:
    """Nicheformer, as initial weights of PAST's cell encoder: give its directory to train.py as init.cell_encoder.

    Example: past import nicheformer nicheformer.ckpt --genes nicheformer_genes.h5ad --out models/nicheformer
    """
    from past.models.past import published

    _import(out, lambda: published.import_nicheformer(checkpoint, *_vocabulary(genes, xenium_mean)))


@imports.command("uni")
def import_uni(checkpoint: Checkpoint, out: ModelOut) -> None:
    """UNI, as initial weights of PAST's image encoder: give its directory to train.py as init.image_encoder.

    Example: past import uni pytorch_model.bin --out models/uni
    """
    from past.models.past import published

    _import(out, lambda: published.import_uni(checkpoint))


@imports.command("stpath")
def import_stpath_weights(
    checkpoint: Checkpoint,
    out: ModelOut,
    genes: Annotated[Path, typer.Option(help="symbol2ensembl.json, published beside the weights.")],
) -> None:
    """The released STPath, every name of it accounted for.

    Example: past import stpath stfm.pth --genes symbol2ensembl.json --out models/stpath
    """
    from past.models.stpath.published import import_stpath

    _import(out, lambda: import_stpath(checkpoint, genes))


@exports.command("stpath")
def export_stpath_weights(
    model: Annotated[Path, typer.Argument(help="A model's directory, or a training run's .ckpt.")],
    out: Annotated[Path, typer.Option(help="Directory to make, for stfm.pth and symbol2ensembl.json.")],
) -> None:
    """STPath in its released form, for the published program.

    Example: past export stpath models/stpath --out released
    """
    from past.models import load_model
    from past.models.stpath.published import export_stpath

    export_stpath(load_model(model), out)


def _vocabulary(genes: Path | None, xenium_mean: Path | None) -> "tuple[Sequence[str] | None, np.ndarray | None]":
    import numpy as np

    from past.base.genes import read_genes

    try:
        mean = None if xenium_mean is None else np.load(xenium_mean, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"--xenium-mean {xenium_mean}: not a .npy of plain numbers ({error})") from error
    return None if genes is None else read_genes(genes), mean


def _import(out: Path, read: "Callable[[], Saved]") -> None:
    from past.base.files import require_free
    from past.checkpoints.saved import save_model

    require_free(out)
    saved = read()
    save_model(out, saved)
    parameters = sum(parameter.numel() for parameter in saved.model.parameters())
    vocabulary = saved.tokenizer.get("vocabulary_hash", "not known")
    say(f"{out}: {parameters:,} parameters of {saved.source}, vocabulary {vocabulary}")
