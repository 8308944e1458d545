"""`past shards …`: from what the instrument or the download gave to shards; one command a kind of source."""

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from past.base.errors import ConfigError, DataError

if TYPE_CHECKING:
    from past.data.shards.index import ShardIndex
    from past.data.shards.records import SampleSource
    from past.data.shards.settings import ShardSettings
    from past.data.shards.write import Report
    from past.data.sources.platform import FileSource, SectionOptions
    from past.data.sources.tissue import SectionSource

shards = typer.Typer(no_args_is_help=True, help="Turn tissue sections into shards for training.")
Source = TypeVar("Source", bound="FileSource")
Words = str | None


def _option(words: str, *names: str) -> Any:
    return typer.Option(*names, help=words)


@dataclass(frozen=True)
class Cut:
    """Options of every command: where the shards go, and how cells are cut and stored."""

    out: Annotated[Path, _option("Directory of the shards; a command that was stopped goes on in it.")]
    px: Annotated[int, _option("Side of the crops in pixels.")] = 224
    mpp: Annotated[str, _option("µm/px of the crops, or 'native': each image's own.")] = "0.5"
    neighbours: Annotated[int, _option("Nearest cells stored with each cell.")] = 8
    image_format: Annotated[str, _option("How crops are stored: jpg (quality 95), webp or png.", "--format")] = "jpg"
    cells_per_shard: Annotated[int, _option("Cells in a full shard.")] = 2_000
    only: Annotated[
        list[str] | None,
        _option("Write only this section: its name, or its number counted from 0 (array jobs); repeatable."),
    ] = None
    workers: Annotated[int, _option("Processes; each holds one section in memory.")] = 1
    allow_benchmark: Annotated[
        bool, _option("Let in sections of HEST-Bench's patients; the index records it.", "--allow-benchmark")
    ] = False
    preview: Annotated[
        bool, _option("Write no shards: draw each section into OUT/previews, and warn.", "--preview")
    ] = False


@dataclass(frozen=True)
class Said:
    """Options of every command that reads files: the gene list, and what the user says in the files' place."""

    genes: Annotated[
        Path | None,
        _option("The set's gene list, symbols or Ensembl ids (.txt, .json, .h5ad); else all genes of all sections."),
    ] = None
    gene_table: Annotated[
        list[Path] | None,
        _option("Table of Ensembl id and symbol, where the list has other names than the sections; repeatable."),
    ] = None
    image: Annotated[
        list[Path] | None,
        _option("The sections' H&E images, in their order; else the one that their files name, or beside them."),
    ] = None
    image_mpp: Annotated[float | None, _option("µm/px of the images, in place of what the files say.")] = None
    patient: Annotated[Words, _option("Whose the sections are, in place of what the files say.")] = None
    organ: Annotated[Words, _option("Free text, in place of what the files say.")] = None
    technology: Annotated[Words, _option("In place of what the files say.")] = None
    species: Annotated[Words, _option("In place of what the files say.")] = None
    min_counts: Annotated[int, _option("Cells with fewer counts of the set's genes are left out.")] = 1
    drop_outside: Annotated[bool, _option("Leave cells outside the image out, and count them.", "--drop-outside")] = (
        False
    )

    def of_each(self, paths: Sequence[Path]) -> "list[tuple[Path, SectionOptions]]":
        """Return each section's path and what is said of it.

        Raises:
            ConfigError: images for another number of sections.
        """
        from past.data.sources.platform import SectionOptions

        words = ("image_mpp", "patient", "organ", "technology", "species", "min_counts", "drop_outside")
        same = {word: getattr(self, word) for word in words}
        tables = tuple(self.gene_table or ())
        images = in_order("--image", self.image, paths)
        return [
            (path, SectionOptions(image, gene_tables=tables, **same)) for path, image in zip(paths, images, strict=True)
        ]


def in_order(option: str, given: Sequence[Path] | None, paths: Sequence[Path]) -> Sequence[Path | None]:
    """Return what a repeatable option gives each section; ConfigError where it is not once a section."""
    if given and len(given) != len(paths):
        raise ConfigError(f"{option} is given {len(given)} times for {len(paths)} sections: once a section, in order")
    return given or [None] * len(paths)


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of its dataclass parameters as options of its own."""
    hints = get_type_hints(command, include_extras=True)
    own = inspect.signature(command).parameters
    groups = {name: hints[name] for name in own if is_dataclass(hints[name])}
    parameters = [own[name].replace(annotation=hints[name]) for name in own if name not in groups]
    for group in groups.values():
        types = get_type_hints(group, include_extras=True)
        for option in fields(group):
            default = inspect.Parameter.empty if option.name == "out" else option.default
            parameters.append(
                inspect.Parameter(
                    option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=types[option.name]
                )
            )

    @wraps(command)
    def run(**options: Any) -> None:
        for name, group in groups.items():
            options[name] = group(**{option.name: options.pop(option.name) for option in fields(group)})
        command(**options)

    keyword = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in parameters]
    run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in keyword}
    return run


@shards.command("anndata")
@spread
def shards_anndata(
    sections: Annotated[list[Path], typer.Argument(help="The sections' .h5ad files.")], said: Said, cut: Cut
) -> None:
    """Shards of sections that lie as AnnData (raw counts, obsm['spatial'] in pixels) beside an H&E image.

    Example: past shards anndata her2st/*.h5ad --out data/her2st
    """
    from past.data.sources.anndata import AnnDataSource

    _write_files("anndata", [AnnDataSource(path, given) for path, given in said.of_each(sections)], said, cut)


@shards.command("xenium")
@spread
def shards_xenium(
    bundles: Annotated[list[Path], typer.Argument(help="Output bundles: the folders that hold experiment.xenium.")],
    said: Said,
    cut: Cut,
    alignment: Annotated[
        list[Path] | None,
        typer.Option(help="The sections' *he_imagealignment.csv, in their order; else the one in or beside a bundle."),
    ] = None,
) -> None:
    """Shards of Xenium bundles with a registered H&E image (OME-TIFF of any size).

    Example: past shards xenium runs/*/outs --patient P1 --organ breast --out data/xenium --preview
    """
    from past.data.sources.xenium import XeniumSource

    alignments = in_order("--alignment", alignment, bundles)
    sources = [XeniumSource(*pair, matrix) for pair, matrix in zip(said.of_each(bundles), alignments, strict=True)]
    _write_files("xenium", sources, said, cut)


@shards.command("visium")
@spread
def shards_visium(
    folders: Annotated[list[Path], typer.Argument(help="Space Ranger's outs/ folders.")],
    said: Said,
    cut: Cut,
    bin_um: Annotated[
        int | None,
        typer.Option("--bin", help="Visium HD: side of the bins in µm (2, 8 or 16)."),
    ] = None,
) -> None:
    """Shards of Visium spots, or of Visium HD's bins, on the full-resolution image.

    Example: past shards visium P1/outs --image P1.tif --patient P1 --organ colon --species human --out data/visium
    """
    from past.data.sources.visium import VisiumSource

    _write_files("visium", [VisiumSource(*pair, bin_um) for pair in said.of_each(folders)], said, cut)


@shards.command("hest")
@spread
def shards_hest(
    samples: Annotated[
        list[Path], typer.Argument(help="The samples' st/<id>.h5ad; their other folders lie beside st.")
    ],
    said: Said,
    cut: Cut,
) -> None:
    """Shards of HEST-1k samples: slides (wsis) or patches; Xenium cell by cell where a segmentation lies there.

    Example: past shards hest hest/st/TENX*.h5ad --out data/hest
    """
    from past.data.sources.hest import HestSource

    _write_files("hest", [HestSource(*pair) for pair in said.of_each(samples)], said, cut)


@shards.command("spatialdata")
@spread
def shards_spatialdata(
    stores: Annotated[list[Path], typer.Argument(help="The .zarr stores.")],
    said: Said,
    cut: Cut,
    table: Annotated[Words, typer.Option(help="The table of counts, where a store has several.")] = None,
) -> None:
    """Shards of SpatialData stores, as spatialdata-io writes them.

    Example: past shards spatialdata run1.zarr --patient P1 --organ breast --species human --out data/sdata
    """
    from past.data.sources.spatialdata import SpatialDataSource

    _write_files("spatialdata", [SpatialDataSource(*pair, table) for pair in said.of_each(stores)], said, cut)


@shards.command("stimage")
@spread
def shards_stimage(
    slides: Annotated[list[Path], typer.Argument(help="The slides' gene_exp/<slide>_count.csv.")], said: Said, cut: Cut
) -> None:
    """Shards of STimage-1K4M slides.

    Example: past shards stimage STimage-1K4M/ST/gene_exp/*_count.csv --out data/stimage
    """
    from past.data.sources.stimage import STImageSource

    _write_files("stimage", [STImageSource(*pair) for pair in said.of_each(slides)], said, cut)


@shards.command("synthetic")
@spread
def shards_synthetic(
    cut: Cut,
    patients: Annotated[int, typer.Option(help="Synthetic patients; each has its own stain and expression.")] = 4,
    sections_per_patient: Annotated[int, typer.Option(help="Sections of each.")] = 1,
    cells: Annotated[int, typer.Option(help="Recorded cells of each section; its area follows.")] = 600,
    seed: Annotated[int, typer.Option(help="Of the whole set: the same seed gives the same bytes.")] = 0,
) -> None:
    """Shards of a simulated tissue in H&E, with known cell types, for a first try and for tests.

    Example: past shards synthetic --out data/synthetic
    """
    from past.data.sources.synthetic.profiles import GENES
    from past.data.sources.synthetic.section import SyntheticSource

    if min(patients, sections_per_patient, cells) < 1:
        raise ConfigError("--patients, --sections-per-patient and --cells must be 1 or more")
    sources = [SyntheticSource(p, s, cells, seed) for p in range(patients) for s in range(sections_per_patient)]
    _write("synthetic", sources, GENES, cut)


@shards.command("merge")
def shards_merge(folder: Annotated[Path, typer.Argument(help="Directory of the shards.")]) -> None:
    """Join the sections that several writers made into one index, and prove that nothing is there twice."""
    from past.data.shards.merge import merge

    tell(merge(folder))


def tell(index: "ShardIndex") -> None:
    """Say on stderr what a set of shards holds."""
    from past.data.shards.slide_format import unit

    Console(stderr=True).print(
        f"{index.root}: {index.samples:,} {unit(index.settings)} of {len(index.sections)} sections of "
        f"{len(index.patients)} patients in {len(index.shards)} shards, {len(index.genes):,} genes"
    )


def tiles_mpp(text: str) -> float | None:
    """Return the µm/px that `--mpp` asks for; None: each image's own."""
    try:
        return None if text == "native" else float(text)
    except ValueError as error:
        raise ConfigError(f"--mpp {text}: give µm/px as a number, or 'native'") from error


def chosen_sections(wanted: list[str] | None, names: Sequence[str]) -> list[str] | None:
    """Return the names of the sections that `--only` asks for, by name or number; None: all."""
    if wanted is None:
        return None
    chosen = [
        names[int(word)] if word not in names and word.isdigit() and int(word) < len(names) else word for word in wanted
    ]
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise ConfigError(f"--only {unknown[0]}: give a section's name or a number from 0 to {len(names) - 1}")
    return chosen


def _write_files(kind: str, sources: "Sequence[FileSource]", said: Said, cut: Cut) -> None:
    from past.data.sources.platform import genes_of

    _write(kind, sources, genes_of(sources, said.genes), cut)


def _write(kind: str, sources: "Sequence[SectionSource]", genes: Sequence[str], cut: Cut) -> None:
    from past.data.shards.settings import ShardSettings

    benchmark = "allowed" if cut.allow_benchmark else "refused"
    settings = ShardSettings(
        kind, cut.px, tiles_mpp(cut.mpp), cut.neighbours, cut.image_format, cut.cells_per_shard, benchmark
    )
    chosen = chosen_sections(cut.only, [source.name for source in sources])
    if cut.preview:
        _preview(cut.out, [source for source in sources if not chosen or source.name in chosen], settings, genes)
        return
    write_shards(cut.out, sources, settings, genes, chosen, cut.workers)


def write_shards(
    out: Path,
    sources: "Sequence[SampleSource]",
    settings: "ShardSettings",
    genes: Sequence[str],
    only: Sequence[str] | None,
    workers: int = 1,
) -> None:
    """Write a set of shards, `only` these sections of it (None: all), and say what it holds."""
    from past.data.shards.writers import write_set
    from past.evaluation.hest.leakage import refuse_benchmark

    if settings.benchmark == "refused":
        refuse_benchmark([source.name for source in sources])
    with _sections_bar(len(only or sources)) as report:
        index = write_set(out, sources, settings, genes, only=only, workers=workers, report=report)
    if index is None:
        words = f"{out}: other sections are still to be written; the last writer makes the index"
        Console(stderr=True).print(words, soft_wrap=True)
    else:
        tell(index)


def _preview(out: Path, sources: "Sequence[SectionSource]", settings: "ShardSettings", genes: Sequence[str]) -> None:
    """Draw each section and say what seems wrong; go on where one cannot be read, and name it at the end."""
    from past.data.sources.preview import preview

    console, unread = Console(stderr=True), []
    for source in sources:
        try:
            path, warnings = preview(out, source, settings, genes)
        except DataError as error:
            unread.append(str(error))
            continue
        console.print(f"{path}: {'something seems wrong' if warnings else 'drawn'}", soft_wrap=True)
        for warning in warnings:
            console.print(f"warning: {warning}", style="yellow", soft_wrap=True, highlight=False)
    if unread:
        raise DataError("\n".join(unread))


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
            bar.update(task, completed=sum(done.values()), description=f"{section}: {cells:,} of {of:,}")

        yield report
