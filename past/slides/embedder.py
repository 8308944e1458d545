"""From a slide's file to its features: what is settled before the first tile, and what a finished slide is known by."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from past.base.errors import ConfigError, DataError
from past.slides.cohort import CohortSlide, Outcome
from past.slides.embedding import Embedded, Facts, Report, embed_slide, finished, mark_in
from past.slides.slide import Slide, fingerprint, open_slide
from past.slides.tiling import TileGrid, open_wsi, tile

if TYPE_CHECKING:
    from past.slides.frozen_encoder import FrozenEncoder

BATCH: Final = 128


@dataclass(frozen=True)
class TileSettings:
    """How a slide is tiled; see `past.slides.tiling.tile`.

    Attributes:
        px: side of the tiles in pixels.
        mpp: µm/px of the tiles.
        tissue: "find" or "none".
        regions: GeoJSON of the only places that are tiled; or a folder of them, `<slide's name>.geojson`.
        share: of a tile that must be tissue.
    """

    px: int = 224
    mpp: float = 0.5
    tissue: str = "find"
    regions: Path | None = None
    share: float = 0.5

    def of(self, name: str) -> "TileSettings":
        """Return the settings of one slide: its own regions, where a folder holds each slide's."""
        if self.regions is None or not self.regions.is_dir():
            return self
        own = self.regions / f"{name}.geojson"
        if not own.is_file():
            raise DataError(f"{own}: no such regions: put them there, or leave --regions out")
        return replace(self, regions=own)

    @property
    def facts(self) -> Facts:
        """What the tiles depend on."""
        try:
            drawn = "" if self.regions is None else hashlib.sha256(self.regions.read_bytes()).hexdigest()
        except OSError as error:
            raise DataError(f"{self.regions}: no such regions ({error.strerror}): give a GeoJSON file") from error
        tiles = {"tile px": self.px, "tile µm/px": self.mpp, "tissue": self.tissue, "share of tissue": self.share}
        return tiles | {"regions": drawn}


def grid_of(slide: Slide, settings: TileSettings) -> TileGrid:
    """Return a slide's tiles; nothing is kept of what is found on the way."""
    given = slide.mpp if slide.mpp_source == "given" else None
    wsi = open_wsi(slide.path, given, store=None)
    return tile(wsi, settings.px, settings.mpp, settings.tissue, settings.regions, settings.share)


class Spots(Protocol):
    """Places on a slide around which tiles are cut."""

    @property
    def fingerprint(self) -> str:
        """Hash of names and places."""
        ...

    def grid(self, px: int, mpp: float, slide_mpp: float) -> TileGrid:
        """Return a tile around each."""
        ...


@dataclass(frozen=True)
class SlideEmbedder:
    """Makes the features of slides by one encoder, which is loaded when the first slide needs it.

    Attributes:
        load: returns the encoder.
        name: of the encoder, for people.
        mark: by which the encoder is known before it is loaded; see `mark_of`.
        settings: of the tiles.
        batch_size: tiles at a time.
        workers: threads that read and decode.
        skip: tiles that cannot be read are left out.
        report: called as it goes on.
    """

    load: Callable[[], "FrozenEncoder"]
    name: str
    mark: str | None
    settings: TileSettings
    batch_size: int = BATCH
    workers: int = 2
    skip: bool = False
    report: Report = lambda *_: None

    @cached_property
    def encoder(self) -> "FrozenEncoder":
        """The encoder, loaded.

        Raises:
            ConfigError: it wants what no slide is given.
        """
        encoder = self.load()
        if encoder.normal_stain:
            raise ConfigError(
                f"--encoder {self.name}: was trained on sections brought to one stain, which is not done to whole "
                "slides: give a model that was trained without normalise_stain"
            )
        return encoder

    def __call__(self, slide: CohortSlide, path: Path, may_wait: bool = True) -> tuple[Slide, Embedded]:
        """Return a slide and its features at `path`, made now or found there.

        Raises:
            BlockingIOError: another process is at it, and `may_wait` is false.
            ConfigError: what is there was made of something else.
            DataError: the slide, its tissue, or a tile of it cannot be used.
        """
        settings = self.settings.of(slide.name)
        opened = open_slide(slide.path, slide.mpp)
        facts: Facts = {"slide": fingerprint(slide.path), "µm/px": opened.mpp, **settings.facts}
        there = self.features(opened, facts, lambda: grid_of(opened, settings), path, may_wait)
        self.report(slide.name, 1, 1)
        return opened, there

    def around(self, slide: Slide, spots: Spots, path: Path, may_wait: bool = True) -> Embedded:
        """Return the features at `path` of a slide that is open, a tile around each spot; else see `__call__`."""
        px, mpp = self.settings.px, self.settings.mpp
        facts: Facts = {"slide": fingerprint(slide.path), "µm/px": slide.mpp, "tile px": px, "tile µm/px": mpp}
        facts |= {"spots": spots.fingerprint}
        there = self.features(slide, facts, lambda: spots.grid(px, mpp, slide.mpp), path, may_wait)
        self.report(path.stem, 1, 1)
        return there

    def features(
        self, slide: Slide, facts: Facts, grid: Callable[[], TileGrid], path: Path, may_wait: bool = True
    ) -> Embedded:
        """Return the features at `path` of a slide that is open, made now or found there.

        Args:
            slide: open.
            facts: of what they are made, the encoder left out.
            grid: returns the tiles, where they are needed.
            path: the .h5.
            may_wait: for another process that is at it.

        Raises:
            BlockingIOError, ConfigError, DataError: see `__call__`.
        """
        facts = facts | {"encoder": self.name}
        if self.mark is not None and mark_in(path) == self.mark:
            there = finished(path, facts)
        else:
            facts |= {"weights": self.encoder.fingerprint}
            there = finished(path, facts)
        if there is None:
            there = embed_slide(
                path, slide, grid(), self.encoder, facts, mark=self.mark,
                batch_size=self.batch_size, workers=self.workers, skip=self.skip, wait=may_wait, report=self.report,
            )  # fmt: skip
        return there

    def outcome(self, slide: CohortSlide, path: Path, may_wait: bool) -> Outcome:
        """Make or find a slide's features, and return its line of the summary."""
        opened, there = self(slide, path, may_wait)
        state = "done" if there.made else "found"
        return Outcome(state, there.tiles, there.skipped, opened.mpp, opened.mpp_source)


def outcome_of(embedder: SlideEmbedder, folder: Path) -> Callable[[CohortSlide, bool], Outcome]:
    """Return the work of `work_through`: each slide's features into `<folder>/<name>.h5`."""
    return lambda slide, may_wait: embedder.outcome(slide, folder / f"{slide.name}.h5", may_wait)
