"""`past embed`: features of whole slides, a file a slide; joint embeddings of sections and shards, one a section."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from past.base.errors import ConfigError, DataError
from past.cli.options import PlatformOptions, takes_groups
from past.cli.screen import say, sections_bar
from past.cli.sections import embedding_of, sections_of

if TYPE_CHECKING:
    from past.slides.cohort import CohortSlide
    from past.slides.embedder import SlideEmbedder
    from past.slides.embedding import Report


Share = Annotated[
    str | None,
    typer.Option(help="Only every Nth slide: 3/32 is the fourth of 32 jobs; torchrun's ranks have theirs without it."),
]


@dataclass(frozen=True)
class SlideOptions:
    """Options of every command that makes features of whole slides."""

    encoder: Annotated[
        str | None,
        typer.Option(help="A preset of conf/encoder, a timm model's name, or a PAST's run, .ckpt or imported folder."),
    ] = None
    mpp: Annotated[float | None, typer.Option(help="µm/px of the slides, in place of what the files say.")] = None
    tile_px: Annotated[int, typer.Option(help="Side of the tiles in pixels.")] = 224
    tile_mpp: Annotated[float, typer.Option(help="µm/px of the tiles.")] = 0.5
    tissue: Annotated[str, typer.Option(help="find; or none: the whole slide is tiled.")] = "find"
    tissue_share: Annotated[float, typer.Option(help="Of a tile, that must be tissue.")] = 0.5
    regions: Annotated[
        Path | None,
        typer.Option(help="GeoJSON of the only places that are tiled (QuPath); or a folder of SLIDE.geojson."),
    ] = None
    on_error: Annotated[str, typer.Option(help="stop at a tile that cannot be read, or skip it.")] = "stop"
    batch_size: Annotated[int, typer.Option(help="Tiles at a time; the last digits depend on it.")] = 128
    workers: Annotated[int, typer.Option(help="Threads that read and decode.")] = 2
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; else a GPU where there is one.")] = None

    def require_one_for_each(self, slides: "Sequence[CohortSlide]") -> None:
        """Raise ConfigError where several slides are given the regions of one."""
        if self.regions is not None and not self.regions.is_dir() and len(slides) > 1:
            raise ConfigError(f"--regions {self.regions}: is of one slide: give a folder of SLIDE.geojson for several")

    def embedder(self, weights: str | None, report: "Report") -> "SlideEmbedder":
        """Return what makes features by the encoder, which is loaded when it is needed.

        Raises:
            ConfigError: no encoder, or settings that cannot be.
        """
        from past.config import encoder_node, frozen_encoder
        from past.slides.embedder import SlideEmbedder, TileSettings
        from past.slides.encoder_files import encoder_name, mark_of
        from past.slides.tiling import require_installed

        if self.encoder is None:
            raise ConfigError("a slide's tiles need an encoder: give --encoder, a preset of conf/encoder for example")
        if self.on_error not in ("stop", "skip"):
            raise ConfigError(f"--on-error {self.on_error}: use stop, or skip")
        if self.batch_size < 1 or self.workers < 1:
            raise ConfigError(f"--batch-size {self.batch_size} --workers {self.workers}: give 1 or more of each")
        require_installed()
        settings = TileSettings(self.tile_px, self.tile_mpp, self.tissue, self.regions, self.tissue_share)
        mark = mark_of(encoder_node(self.encoder, weights))
        load, skip = partial(frozen_encoder, self.encoder, weights, self._device), self.on_error == "skip"
        name = encoder_name(self.encoder)
        return SlideEmbedder(load, name, mark, settings, self.batch_size, self.workers, skip, report)

    @property
    def _device(self) -> str | None:
        rank = os.environ.get("LOCAL_RANK")  # torchrun's: each has a GPU of its own
        if self.device or not rank:
            return self.device
        import torch

        return f"cuda:{rank}" if torch.cuda.is_available() else None


@takes_groups
def embed(
    given: Annotated[
        list[Path],
        typer.Argument(
            help="Slides; or sections (.h5ad beside their images) and directories of cell shards; or tables of them "
            "(.csv: slide, mpp, patient, …)."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of what is made; a command that was stopped goes on in it.")],
    options: SlideOptions,
    files: PlatformOptions,
    weights: Annotated[str | None, typer.Option(help="The encoder's weights: a file, or 'hub' to download timm's.")] = (
        None
    ),
    share: Share = None,
) -> None:
    """Features of whole slides; or a trained PAST's joint embeddings of sections and of cells in shards.

    A slide becomes a .h5 with coords as TRIDENT writes them: of a PAST, what its image encoder gives. A section becomes
    an .h5ad: obsm["X_past"] of its images, obsm["X_past_expression"] of its transcriptomes, on one unit sphere.
    Options of images, genes, patients and technology are of sections. summary.csv says how it went.

    Example: past embed slides/*.svs --encoder uni2_h --weights uni2_h.bin --out features

    Example: past embed her2st/*.h5ad --encoder runs/mine/1 --out embeddings
    """
    from past.slides.cohort import SUMMARY, read_cohort, share_of, work_through
    from past.slides.embedder import outcome_of

    cohort = read_cohort(given, options.mpp)
    sections = sections_of(cohort, files)
    options.require_one_for_each(cohort)
    mine, what = share_of(list(sections or cohort), share), "sections" if sections else "slides"
    with sections_bar(len(mine), what) as report:
        if sections:
            how = {"batch_size": options.batch_size, "workers": options.workers, "device": options.device}
            work = embedding_of(sections, options.encoder, out, report=report, **how)
        else:
            work = outcome_of(options.embedder(weights, report), out)
        faults = work_through(mine, work, out)
    made = "embeddings" if sections else "features"
    say(f"{out}: {made} of {len(mine) - len(faults)} of {len(mine)} {what}; {SUMMARY} says how it went")
    if faults:
        raise DataError(*faults)
