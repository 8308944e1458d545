"""Options that several commands share: groups of them as dataclasses, and how their values are read."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from past.base.errors import ConfigError

if TYPE_CHECKING:
    from past.data.sources.platform import SectionOptions


def _option(words: str, *names: str) -> Any:
    return typer.Option(*names, help=words)


ShardsFolder = Annotated[Path, typer.Argument(help="Directory of the shards.")]
ShardsOut = Annotated[Path, _option("Directory of the shards; a command that was stopped goes on in it.")]
AllowBenchmark = Annotated[
    bool, _option("Let in sections of HEST-Bench's patients; the index records it.", "--allow-benchmark")
]
Images = Annotated[
    list[Path] | None,
    _option("The sections' H&E images, in their order; else the one that their files name, or beside them."),
]
ImageMpp = Annotated[float | None, _option("µm/px of the images, in place of what the files say.")]


@dataclass(frozen=True)
class CellOptions:
    """Options of every command that makes cell shards: where they go, and how cells are cut and stored."""

    out: ShardsOut
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
    allow_benchmark: AllowBenchmark = False
    preview: Annotated[
        bool, _option("Write no shards: draw each section into OUT/previews, and warn.", "--preview")
    ] = False


@dataclass(frozen=True)
class PlatformOptions:
    """Options of every command that reads a platform's files: the gene list, and what stands in the files' place."""

    genes: Annotated[
        Path | None,
        _option("The set's gene list, symbols or Ensembl ids (.txt, .json, .h5ad); else all genes of all sections."),
    ] = None
    gene_table: Annotated[
        list[Path] | None,
        _option("Table of Ensembl id and symbol, where the list has other names than the sections; repeatable."),
    ] = None
    image: Images = None
    image_mpp: ImageMpp = None
    patient: Annotated[str | None, _option("Whose the sections are, in place of what the files say.")] = None
    organ: Annotated[str | None, _option("Free text, in place of what the files say.")] = None
    technology: Annotated[str | None, _option("In place of what the files say.")] = None
    species: Annotated[str | None, _option("In place of what the files say.")] = None
    min_counts: Annotated[int, _option("Cells with fewer counts of the set's genes are left out.")] = 1
    drop_outside: Annotated[bool, _option("Leave cells outside the image out, and count them.", "--drop-outside")] = (
        False
    )

    def of_each(self, paths: Sequence[Path]) -> "list[tuple[Path, SectionOptions]]":
        """Return each section's path and what the user says of it.

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


def takes_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of its dataclass parameters as options of its own; `out` stays a required one.

    typer reads the signature of what it is given: the one that is returned here has a parameter a field, and calls
    `command` with the dataclasses made of them.
    """
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


def in_order(option: str, given: Sequence[Path] | None, paths: Sequence[Path]) -> Sequence[Path | None]:
    """Return what a repeatable option gives each section; ConfigError where it is not once a section."""
    if given and len(given) != len(paths):
        raise ConfigError(f"{option} is given {len(given)} times for {len(paths)} sections: once a section, in order")
    return given or [None] * len(paths)


def mpp_of(text: str) -> float | None:
    """Return the µm/px that `--mpp` asks for; None: each image's own."""
    try:
        return None if text == "native" else float(text)
    except ValueError as error:
        raise ConfigError(f"--mpp {text}: give µm/px as a number, or 'native'") from error


def chosen_sections(wanted: Sequence[str] | None, names: Sequence[str]) -> list[str] | None:
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
