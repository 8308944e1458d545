"""The console command `past`: each command turns its arguments into one call."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from past.base.errors import DataError, PastError
from past.cli.bench import bench
from past.cli.plan import plan
from past.cli.report import report
from past.cli.shards import shards, tell
from past.cli.slides import slides

if TYPE_CHECKING:
    import numpy as np

    from past.checkpoints.saved import Saved
    from past.data.shards.index import ShardIndex

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Reading molecules out of histology.")
shards.command("slides")(slides)
app.add_typer(shards, name="shards")
app.add_typer(bench, name="bench-from")
app.command()(plan)
app.command()(report)
imports = typer.Typer(no_args_is_help=True, help="Read checkpoints that others released into our own form.")
app.add_typer(imports, name="import")
exports = typer.Typer(no_args_is_help=True, help="Write our own models in the form that others released.")
app.add_typer(exports, name="export")

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


def main() -> None:
    """Run the command line; an error that the user can mend is one sentence on stderr and exit code 1."""
    try:
        app()
    except PastError as error:
        sys.exit(_sentences(str(error)))
    except OSError as error:
        sys.exit(_sentences(f"{error.filename or 'input/output'}: {error.strerror or error}"))


def _sentences(text: str) -> str:
    return "\n".join(f"past: {line}" for line in text.splitlines())


@app.command("verify")
def verify_shards(
    folder: Annotated[Path, typer.Argument(help="Directory of the shards.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what is there as JSON on stdout.")] = False,
    sample: Annotated[float, typer.Option(help="Share of the samples to read; below 1 no hashes are checked.")] = 1.0,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes; else one a core."),
    ] = None,
) -> None:
    """Read every byte of a set of shards, and say what is there or what is wrong.

    Example: past verify data/her2st
    """
    from past.data.shards.index import ShardIndex
    from past.data.shards.verify import summary, verify

    index = ShardIndex.read(folder)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("shards", total=len(index.shards))
        faults = verify(index, sample=sample, workers=workers, report=lambda: bar.advance(task))
    if faults:
        raise DataError("\n".join(faults))
    if as_json:
        print(json.dumps(summary(index)))
    else:
        _table(index)


def _table(index: "ShardIndex") -> None:
    from past.data.shards.slide_format import unit

    table = Table("section", "patient", "organ", "technology", unit(index.settings), "shards", "MB")
    for name, facts in index.sections.items():
        own = [shard for shard in index.shards if shard.section == name]
        words = [str(facts.get(word, "")) for word in ("patient", "organ", "technology")]
        size = sum(shard.bytes for shard in own) / 1e6
        table.add_row(name, *words, f"{sum(shard.samples for shard in own):,}", str(len(own)), f"{size:,.1f}")
    Console().print(table)
    tell(index)


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
    """Nicheformer, as initial weights of PAST's cell encoder."""
    from past.models.past import published

    _import(out, lambda: published.import_nicheformer(checkpoint, *_vocabulary(genes, xenium_mean)))


@imports.command("uni")
def import_uni(checkpoint: Checkpoint, out: ModelOut) -> None:
    """UNI, as initial weights of PAST's image encoder."""
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


@app.command("predict")
def predict(
    features: Annotated[Path, typer.Option(help="Features of a slide: .h5 (HEST, TRIDENT, CLAM) or .h5ad.")],
    weights: Annotated[Path, typer.Option(help="Directory that 'past import stpath' made, or a run's .ckpt.")],
    out: Annotated[Path, typer.Option(help="The .h5ad to write.")],
    organ: Annotated[str | None, typer.Option(help="STPath's name of the organ; else Others.")] = None,
    technology: Annotated[str | None, typer.Option(help="STPath's name of it; else not told.")] = None,
    genes: Annotated[str | None, typer.Option(help="Names parted by commas; else all.")] = None,
    context: Annotated[
        Path | None,
        typer.Option(help="Measured spots of the slide: .h5ad of raw counts, found by obsm['spatial']."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Passes; above 1 the surest predictions are told in the next.")] = 1,
    samples: Annotated[int, typer.Option(help="Above 1: passes under dropout; their spread is layers['std'].")] = 1,
    chunk: Annotated[int | None, typer.Option(help="Query spots at a time; else chosen.")] = None,
    seed: Annotated[int, typer.Option(help="Of dropout.")] = 0,
) -> None:
    """Expression of a slide's spots from their image features, by STPath.

    Example: past predict --features F.h5 --weights models/stpath --organ Breast --genes EPCAM,ERBB2 --out PRED.h5ad
    """
    from past.base.h5ad import read_adata
    from past.models.stpath.predict import load_stpath
    from past.slides.features import read_features

    slide = read_features(features)
    adata = load_stpath(weights).predict(
        slide.features,
        slide.coords,
        organ=organ,
        technology=technology,
        genes=[name.strip() for name in genes.split(",")] if genes else None,
        context=read_adata(context) if context else None,
        steps=steps,
        samples=samples,
        chunk=chunk,
        names=slide.names,
        out=out,
        seed=seed,
    )
    Console(stderr=True).print(f"{out}: {adata.n_obs:,} spots × {adata.n_vars:,} genes, {adata.uns['past']['method']}")


def _vocabulary(genes: Path | None, xenium_mean: Path | None) -> "tuple[Sequence[str] | None, np.ndarray | None]":
    import numpy as np

    from past.base.genes import read_genes

    try:
        mean = None if xenium_mean is None else np.load(xenium_mean, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"--xenium-mean {xenium_mean}: not a .npy of plain numbers ({error})") from error
    return None if genes is None else read_genes(genes), mean


def _import(out: Path, read: "Callable[[], Saved]") -> None:
    from past.checkpoints.saved import require_free, save_model

    require_free(out)
    saved = read()
    save_model(out, saved)
    parameters = sum(parameter.numel() for parameter in saved.model.parameters())
    vocabulary = saved.tokenizer.get("vocabulary_hash", "not known")
    words = f"{out}: {parameters:,} parameters of {saved.source}, vocabulary {vocabulary}"
    Console(stderr=True).print(words, soft_wrap=True)
