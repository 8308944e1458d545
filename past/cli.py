"""The console command `past`: each command turns its arguments into one call."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from past.errors import ConfigError, DataError, PastError

if TYPE_CHECKING:
    import numpy as np

    from past.checkpoints.saved import Saved
    from past.data.index import ShardIndex
    from past.data.shard_set import ShardSettings
    from past.data.shards import Report
    from past.data.sources.tissue import SectionSource

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Reading molecules out of histology.")
shards = typer.Typer(no_args_is_help=True, help="Turn tissue sections into shards for training.")
app.add_typer(shards, name="shards")
imports = typer.Typer(no_args_is_help=True, help="Read checkpoints that others released into our own form.")
app.add_typer(imports, name="import")
exports = typer.Typer(no_args_is_help=True, help="Write our own models in the form that others released.")
app.add_typer(exports, name="export")

Out = Annotated[Path, typer.Option(help="Directory of the shards; a command that was stopped goes on in it.")]
Px = Annotated[int, typer.Option(help="Side of the crops in pixels.")]
Mpp = Annotated[str, typer.Option(help="µm/px of the crops, or 'native': each image's own.")]
Neighbours = Annotated[int, typer.Option(help="Nearest cells stored with each cell.")]
Format = Annotated[str, typer.Option("--format", help="How crops are stored: jpg (quality 95), webp or png.")]
PerShard = Annotated[int, typer.Option(help="Cells in a full shard.")]
Only = Annotated[
    Optional[list[str]],  # noqa: UP045 (typer reads it at run time)
    typer.Option(help="Write only this section: its name, or its number counted from 0 (array jobs); repeatable."),
]
Workers = Annotated[int, typer.Option(help="Processes; each holds one section in memory.")]

Checkpoint = Annotated[Path, typer.Argument(help="The released file (.pth, .bin, .ckpt or .safetensors).")]
ModelOut = Annotated[Path, typer.Option("--out", help="Directory to make; an existing one is never touched.")]
Vocabulary = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option("--genes", help="The gene list that its tokens number (.h5ad, .json or .txt)."),
]
XeniumMean = Annotated[
    Optional[Path],  # noqa: UP045
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


@shards.command("anndata")
def shards_anndata(
    sections: Annotated[list[Path], typer.Argument(help="The sections' .h5ad files.")],
    out: Out,
    image: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option(help="The sections' images, in their order; else uns['meta']['image'], else the one beside it."),
    ] = None,
    image_mpp: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(help="µm/px of the images, where they have another scale than the coordinates, or none is known."),
    ] = None,
    mpp: Mpp = "0.5",
    px: Px = 224,
    neighbours: Neighbours = 8,
    image_format: Format = "jpg",
    cells_per_shard: PerShard = 2_000,
    genes: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="The set's gene list (.txt, .json or .h5ad); else all genes of all given sections."),
    ] = None,
    patient: Annotated[Optional[str], typer.Option(help="In place of uns['meta']['patient'].")] = None,  # noqa: UP045
    organ: Annotated[Optional[str], typer.Option(help="In place of uns['meta']['tissue'].")] = None,  # noqa: UP045
    technology: Annotated[Optional[str], typer.Option(help="In place of uns['meta']['platform'].")] = None,  # noqa: UP045
    species: Annotated[Optional[str], typer.Option(help="In place of uns['meta']['organism'].")] = None,  # noqa: UP045
    only: Only = None,
    workers: Workers = 1,
) -> None:
    """Shards of sections that lie as AnnData (raw counts, obsm['spatial'] in pixels) beside an H&E image.

    Example: past shards anndata her2st/*.h5ad --out data/her2st
    """
    from past.data.shard_set import ShardSettings
    from past.data.sources.anndata import AnnDataSource
    from past.data.sources.h5ad import union_of_genes
    from past.genes import read_genes

    if image and len(image) != len(sections):
        raise ConfigError(f"--image is given {len(image)} times for {len(sections)} sections: once a section, in order")
    sources = [
        AnnDataSource(path, picture, image_mpp, patient, organ, technology, species)
        for path, picture in zip(sections, image or [None] * len(sections), strict=True)
    ]
    settings = ShardSettings("anndata", px, _mpp(mpp), neighbours, image_format, cells_per_shard)
    _write(out, sources, settings, read_genes(genes) if genes else union_of_genes(sections), only, workers)


@shards.command("synthetic")
def shards_synthetic(
    out: Out,
    patients: Annotated[int, typer.Option(help="Synthetic patients; each has its own stain and expression.")] = 4,
    sections_per_patient: Annotated[int, typer.Option(help="Sections of each.")] = 1,
    cells: Annotated[int, typer.Option(help="Recorded cells of each section; its area follows.")] = 600,
    seed: Annotated[int, typer.Option(help="Of the whole set: the same seed gives the same bytes.")] = 0,
    mpp: Mpp = "0.5",
    px: Px = 224,
    neighbours: Neighbours = 8,
    image_format: Format = "jpg",
    cells_per_shard: PerShard = 2_000,
    only: Only = None,
    workers: Workers = 1,
) -> None:
    """Shards of a simulated tissue in H&E, with known cell types, for a first try and for tests.

    Example: past shards synthetic --out data/synthetic
    """
    from past.data.shard_set import ShardSettings
    from past.data.sources.synthetic.profiles import GENES
    from past.data.sources.synthetic.section import SyntheticSource

    if min(patients, sections_per_patient, cells) < 1:
        raise ConfigError("--patients, --sections-per-patient and --cells must be 1 or more")
    sources = [SyntheticSource(p, s, cells, seed) for p in range(patients) for s in range(sections_per_patient)]
    settings = ShardSettings("synthetic", px, _mpp(mpp), neighbours, image_format, cells_per_shard)
    _write(out, sources, settings, GENES, only, workers)


@shards.command("merge")
def shards_merge(folder: Annotated[Path, typer.Argument(help="Directory of the shards.")]) -> None:
    """Join the sections that several writers made into one index, and prove that nothing is there twice."""
    from past.data.merge import merge

    _tell(merge(folder))


def _mpp(text: str) -> float | None:
    try:
        return None if text == "native" else float(text)
    except ValueError as error:
        raise ConfigError(f"--mpp {text}: give µm/px as a number, or 'native'") from error


def _only(wanted: list[str] | None, names: Sequence[str]) -> list[str] | None:
    if wanted is None:
        return None
    chosen = [
        names[int(word)] if word not in names and word.isdigit() and int(word) < len(names) else word for word in wanted
    ]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: give a section's name or a number from 0 to {len(names) - 1}")
    return chosen


def _write(
    out: Path,
    sources: "Sequence[SectionSource]",
    settings: "ShardSettings",
    genes: Sequence[str],
    only: list[str] | None,
    workers: int,
) -> None:
    from past.data.writers import write_set

    chosen = _only(only, [source.name for source in sources])
    with _sections_bar(len(chosen or sources)) as report:
        index = write_set(out, sources, settings, genes, only=chosen, workers=workers, report=report)
    if index is None:
        Console(stderr=True).print(f"{out}: other sections are still to be written; the last writer makes the index")
    else:
        _tell(index)


def _tell(index: "ShardIndex") -> None:
    Console(stderr=True).print(
        f"{index.root}: {index.samples:,} cells of {len(index.sections)} sections of {len(index.patients)} patients "
        f"in {len(index.shards)} shards, {len(index.genes):,} genes"
    )


@app.command("verify")
def verify_shards(
    folder: Annotated[Path, typer.Argument(help="Directory of the shards.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what is there as JSON on stdout.")] = False,
    sample: Annotated[float, typer.Option(help="Share of the samples to read; below 1 no hashes are checked.")] = 1.0,
    workers: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help="Processes; else one a core."),
    ] = None,
) -> None:
    """Read every byte of a set of shards, and say what is there or what is wrong.

    Example: past verify data/her2st
    """
    from past.data.index import ShardIndex
    from past.data.verify import summary, verify

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
    table = Table("section", "patient", "organ", "technology", "cells", "shards", "MB")
    for name, facts in index.sections.items():
        own = [shard for shard in index.shards if shard.section == name]
        words = [str(facts.get(word, "")) for word in ("patient", "organ", "technology")]
        size = sum(shard.bytes for shard in own) / 1e6
        table.add_row(name, *words, f"{sum(shard.samples for shard in own):,}", str(len(own)), f"{size:,.1f}")
    Console().print(table)
    _tell(index)


@imports.command("past")
def import_past(
    checkpoint: Checkpoint, out: ModelOut, genes: Vocabulary = None, xenium_mean: XeniumMean = None
) -> None:
    """The released PAST, every name of it accounted for.

    Example: past import past past.pth --out models/past --genes nicheformer_genes.h5ad
    """
    from past.checkpoints import published

    _import(out, lambda: published.import_past(checkpoint, *_vocabulary(genes, xenium_mean)))


@imports.command("nicheformer")
def import_nicheformer(
    checkpoint: Checkpoint, out: ModelOut, genes: Vocabulary = None, xenium_mean: XeniumMean = None
) -> None:
    """Nicheformer, as initial weights of PAST's cell encoder."""
    from past.checkpoints import published

    _import(out, lambda: published.import_nicheformer(checkpoint, *_vocabulary(genes, xenium_mean)))


@imports.command("uni")
def import_uni(checkpoint: Checkpoint, out: ModelOut) -> None:
    """UNI, as initial weights of PAST's image encoder."""
    from past.checkpoints import published

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
    from past.checkpoints.published_stpath import import_stpath

    _import(out, lambda: import_stpath(checkpoint, genes))


@exports.command("stpath")
def export_stpath_weights(
    model: Annotated[Path, typer.Argument(help="A model's directory, or a training run's .ckpt.")],
    out: Annotated[Path, typer.Option(help="Directory to make, for stfm.pth and symbol2ensembl.json.")],
) -> None:
    """STPath in its released form, for the published program.

    Example: past export stpath models/stpath --out released
    """
    from past.checkpoints.published_stpath import export_stpath
    from past.checkpoints.saved import load_model

    export_stpath(load_model(model), out)


@app.command("predict")
def predict(
    features: Annotated[Path, typer.Option(help="Features of a slide: .h5 (HEST, TRIDENT, CLAM) or .h5ad.")],
    weights: Annotated[Path, typer.Option(help="Directory that 'past import stpath' made, or a run's .ckpt.")],
    out: Annotated[Path, typer.Option(help="The .h5ad to write.")],
    organ: Annotated[Optional[str], typer.Option(help="STPath's name of the organ; else Others.")] = None,  # noqa: UP045
    technology: Annotated[Optional[str], typer.Option(help="STPath's name of it; else not told.")] = None,  # noqa: UP045
    genes: Annotated[Optional[str], typer.Option(help="Names parted by commas; else all.")] = None,  # noqa: UP045
    context: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Measured spots of the slide: .h5ad of raw counts, found by obsm['spatial']."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Passes; above 1 the surest predictions are told in the next.")] = 1,
    samples: Annotated[int, typer.Option(help="Above 1: passes under dropout; their spread is layers['std'].")] = 1,
    chunk: Annotated[Optional[int], typer.Option(help="Query spots at a time; else chosen.")] = None,  # noqa: UP045
    seed: Annotated[int, typer.Option(help="Of dropout.")] = 0,
) -> None:
    """Expression of a slide's spots from their image features, by STPath.

    Example: past predict --features F.h5 --weights models/stpath --organ Breast --genes EPCAM,ERBB2 --out PRED.h5ad
    """
    from past.data.sources.h5ad import read_adata
    from past.inference.expression import load_stpath
    from past.inference.features import read_features

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

    from past.genes import read_genes

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


@contextlib.contextmanager
def _sections_bar(sections: int) -> "Iterator[Report]":
    """Show a bar of sections, a section in the making as a part of one; yield what to call as the writing goes on."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    done: dict[str, float] = {}
    with bar:
        task = bar.add_task("sections", total=sections)

        def report(section: str, cells: int, of: int) -> None:
            done[section] = cells / of
            bar.update(task, completed=sum(done.values()), description=f"{section}: {cells:,} of {of:,} cells")

        yield report
