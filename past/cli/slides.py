"""`past shards slides`: sections for STPath, each one sample, its tiles as an image encoder sees them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from past.base.errors import ConfigError
from past.cli.options import AllowBenchmark, PlatformOptions, ShardsOut, chosen_sections, mpp_of, takes_groups
from past.cli.writing import write_shards

if TYPE_CHECKING:
    from past.data.shards.records import SampleSource
    from past.data.shards.settings import ShardSettings

# options that may be given with a directory of cell shards; the others say how cells are cut
OF_SLIDES = {"organ", "out", "encoder", "weights", "device", "normalise_stain", "only"}


@dataclass(frozen=True)
class TileOptions:
    """Options of `past shards slides`: where the shards go, and how tiles become features."""

    out: ShardsOut
    encoder: Annotated[
        str,
        typer.Option(help="A preset of conf/encoder, a timm model's name, or a PAST's run, .ckpt or imported folder."),
    ] = "grid"
    weights: Annotated[str | None, typer.Option(help="The encoder's weights: a file, or 'hub' to download timm's.")] = (
        None
    )
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; else a GPU where there is one.")] = None
    normalise_stain: Annotated[
        bool, typer.Option("--normalise-stain", help="Bring every section to one mean and spread of stain first.")
    ] = False
    px: Annotated[int, typer.Option(help="Side of the tiles in pixels.")] = 224
    mpp: Annotated[str, typer.Option(help="µm/px of the tiles, or 'native': each image's own.")] = "0.5"
    only: Annotated[
        list[str] | None,
        typer.Option(help="Write only this section: its name, or its number counted from 0; repeatable."),
    ] = None
    allow_benchmark: AllowBenchmark = False


@takes_groups
def slides(
    sections: Annotated[
        list[Path], typer.Argument(help="The sections' .h5ad files; or a directory of cell shards, of any source.")
    ],
    files: PlatformOptions,
    tiles: TileOptions,
) -> None:
    """Slide shards for STPath: each section's features, places and counts, of .h5ad files or of cell shards.

    Example: past shards slides her2st/*.h5ad --organ breast --out data/her2st_slides
    """
    from past.config import frozen_encoder
    from past.data.shards.settings import SlideSettings
    from past.models.stpath.samples.sections import SlideSource

    sources, genes, cells = _sources(sections, files, tiles)
    encoder = frozen_encoder(tiles.encoder, tiles.weights, tiles.device)
    normalise = tiles.normalise_stain or encoder.normal_stain
    settings = SlideSettings(
        source=cells.source,
        px=cells.px,
        mpp=cells.mpp,
        benchmark=cells.benchmark,
        encoder=tiles.encoder,
        fingerprint=encoder.fingerprint,
        width=encoder.width(cells.px),
        normalise_stain=normalise,
    )
    made = [SlideSource(source, encoder, tiles.encoder, normalise, files.organ) for source in sources]
    only = chosen_sections(tiles.only, [source.name for source in made])
    write_shards(tiles.out, made, settings, genes, only)


def _sources(
    sections: Sequence[Path], files: PlatformOptions, tiles: TileOptions
) -> "tuple[Sequence[SampleSource], Sequence[str], ShardSettings]":
    """Return the sections, their gene list, and how their cells are or will be cut."""
    from past.data.shards.index import ShardIndex
    from past.data.shards.settings import ShardSettings
    from past.data.shards.slide_format import holds_slides
    from past.data.sources.anndata import AnnDataSource
    from past.data.sources.platform import genes_of
    from past.models.stpath.samples.sections import ShardedSource

    if not sections[0].is_dir():
        sources = [AnnDataSource(path, given) for path, given in files.of_each(sections)]
        benchmark = "allowed" if tiles.allow_benchmark else "refused"
        cut = ShardSettings("anndata", tiles.px, mpp_of(tiles.mpp), benchmark=benchmark)
        return sources, genes_of(sources, files.genes), cut
    if len(sections) > 1:
        raise ConfigError(f"{len(sections)} folders: give one directory of cell shards, or the sections' .h5ad files")
    lost = [
        f"--{option.name.replace('_', '-')}"
        for group in (files, tiles)
        for option in fields(group)
        if option.name not in OF_SLIDES and getattr(group, option.name) != option.default
    ]
    if lost:
        raise ConfigError(f"{', '.join(lost)}: {sections[0]} holds cells that are cut: give it to 'past shards KIND'")
    index = ShardIndex.read(sections[0])
    if holds_slides(index.settings):
        raise ConfigError(f"{sections[0]}: holds slides already: give a directory of cell shards")
    names = dict.fromkeys(shard.section for shard in index.shards)
    return [ShardedSource(index, name) for name in names], index.genes, ShardSettings(**index.settings)  # type: ignore[arg-type]
