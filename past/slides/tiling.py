"""A slide as a WSIData, its tissue, and the grid of tiles on it: LazySlide's, in our pixels and µm."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from past.base.errors import ConfigError, DataError, require_number
from past.base.pictures import reading_order
from past.slides.levels import nearest_level
from past.slides.regions import polygons_of, read_regions
from past.slides.slide import Slide, open_slide

if TYPE_CHECKING:
    from wsidata import WSIData  # type: ignore[import-not-found]

log = logging.getLogger(__name__)

NEEDED: Final = "whole slides need LazySlide and wsidata: 'pip install past-pathology[wsi]'"
TISSUES, TILES = "tissues", "tiles"  # of `wsi.shapes`
INK: Final = 40  # of 255 by which green lies above red: no stain of H&E does that, blue and green pens do
INKED: Final = 1e-3  # of a slide's overview, above which pen marks are told
# How LazySlide finds tissue, at 6 to 11 µm/px: its own reach is made for finer pixels, and would close gaps of 140 µm
FINDING: Final[dict[str, Any]] = {"level": -1, "blur_ksize": 3, "morph_ksize": 3, "morph_n_iter": 2}
ENLARGED: Final = 1.05  # times, above which it is said that a slide is coarser than its tiles


@dataclass(frozen=True)
class TileGrid:
    """Square tiles on a slide, in the order in which they are read.

    Attributes:
        corners: (n, 2) upper left corners in pixels of level 0, whole ones but around spots; the row number is
            `tile_id`.
        side: of a tile in pixels of level 0.
        px: of a tile as the encoder sees it.
        mpp: µm/px of that.
    """

    corners: np.ndarray
    side: int
    px: int
    mpp: float

    def __len__(self) -> int:
        return len(self.corners)

    @property
    def centres(self) -> np.ndarray:
        """(n, 2) in pixels of level 0."""
        return self.corners + self.side / 2


def require_installed() -> None:
    """Raise ConfigError unless what finds tissue is installed; nothing is imported, which takes seconds."""
    missing = [name for name in ("lazyslide", "wsidata") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"no {' and '.join(missing)}: {NEEDED}")


def open_wsi(path: str | Path, mpp: float | None = None, store: str | Path | None = "auto") -> "WSIData":
    """Open a slide as LazySlide, omicverse and napari know it; its µm/px is settled.

    Args:
        path: the slide.
        mpp: µm/px of its largest resolution, in place of what the file says.
        store: where wsidata keeps what is found; "auto": `<slide>.zarr` beside the slide; None: nowhere.

    Raises:
        ConfigError: wsidata is not installed.
        DataError: see `open_slide`.
    """
    require_installed()
    import wsidata  # type: ignore[import-not-found]

    from past.slides import wsi_reader as ours

    return wsidata.open_wsi(path, store=store, reader=ours.NAME, mpp=mpp)  # type: ignore[arg-type]


def slide_of(wsi: "WSIData") -> Slide:
    """Return the slide that a WSIData reads, opened by us where another reader opened it."""
    own = getattr(wsi.reader, "slide", None)
    return own if isinstance(own, Slide) else open_slide(Path(wsi.reader.file), wsi.properties.mpp)


def tile(
    wsi: "WSIData",
    tile_px: int = 224,
    mpp: float = 0.5,
    tissue: str = "find",
    regions: str | Path | None = None,
    share: float = 0.5,
) -> TileGrid:
    """Find tissue and lay tiles on it: `wsi.shapes["tissues"]` and `["tiles"]`.

    Args:
        wsi: see `open_wsi`.
        tile_px: side of the tiles in pixels.
        mpp: µm/px of the tiles.
        tissue: "find", or "none": the whole slide is tiled.
        regions: GeoJSON of the only places that are tiled.
        share: of a tile that must be tissue.

    Raises:
        ConfigError: LazySlide is not installed, or settings that cannot be.
        DataError: no tissue, no tiles, or regions that cannot be used.
    """
    require_installed()
    from lazyslide import pp  # type: ignore[import-not-found]
    from shapely import make_valid
    from wsidata.io import add_tissues  # type: ignore[import-not-found]

    require_number("tile_px", tile_px, least=16, most=4096)
    require_number("share", share, least=0.0, most=1.0)
    if tissue not in ("find", "none"):
        raise ConfigError(f"tissue={tissue!r}: use 'find', or 'none' to tile the whole slide")
    slide = slide_of(wsi)
    if tissue == "find" and pp.find_tissues(wsi, **FINDING, key_added=TISSUES) is False:
        raise DataError(
            f"{slide.path}: no tissue found on it: tile all of it with --tissue none, or say where: --regions"
        )
    if regions is not None:
        drawn: Any = read_regions(Path(regions), slide.size)
        found = wsi.shapes[TISSUES].geometry if tissue == "find" else [drawn]
        kept = [part for shape in found for part in polygons_of(drawn.intersection(make_valid(shape)))]
        if not kept:
            raise DataError(f"{slide.path}: no tissue in the regions of {regions}: tile all of them with --tissue none")
        add_tissues(wsi, TISSUES, kept)
    key = TISSUES if tissue == "find" or regions is not None else None
    if tissue == "find":
        _say_what_is_odd(slide, list(wsi.shapes[TISSUES].geometry))
    scale = mpp / slide.mpp
    if scale < 1 / ENLARGED:
        log.warning("%s: %.4g µm/px, coarser than the tiles' %g: they are enlarged", slide.path, slide.mpp, mpp)
    # LazySlide refuses tiles that are finer than the slide: it is asked for as many pixels of level 0 then
    asked: dict[str, Any] = (
        {"tile_px": tile_px, "mpp": mpp} if scale >= 1 else {"tile_px": max(1, round(tile_px * scale))}
    )
    pp.tile_tissues(
        wsi, **asked, edge=True, background_filter=key is not None, background_fraction=1 - share, tissue_key=key,
        key_added=TILES,
    )  # fmt: skip
    return _in_reading_order(wsi, slide, tile_px, mpp)


def _in_reading_order(wsi: "WSIData", slide: Slide, px: int, mpp: float) -> TileGrid:
    """Bring `wsi.shapes["tiles"]` into the order in which each part of the file is decoded once; number them so."""
    from spatialdata.models import ShapesModel

    spec = wsi.tile_spec(TILES)
    frame = wsi.shapes.get(TILES)
    if spec is None or frame is None or not len(frame):
        raise DataError(f"{slide.path}: no tile of {px} px at {mpp:g} µm/px lies on its tissue: ask for smaller ones")
    corners = frame.geometry.bounds[["minx", "miny"]].to_numpy().round().astype(np.int64)
    _, first = np.unique(corners, axis=0, return_index=True)  # two pieces of tissue may share one
    level = nearest_level(slide.levels, mpp / slide.mpp)
    order = np.sort(first)
    order = order[reading_order(level.picture, (corners[order] + spec.base_width / 2) / level.factor)]
    sorted_frame = frame.iloc[order].reset_index(drop=True)
    sorted_frame["tile_id"] = np.arange(len(order))
    wsi.shapes[TILES] = ShapesModel.parse(sorted_frame)
    return TileGrid(corners[order], int(spec.base_width), px, mpp)


def _say_what_is_odd(slide: Slide, tissues: Sequence[Any]) -> None:
    """Warn where tissue goes on beyond the slide, and of pen marks."""
    small, step = slide.overview
    width, height = slide.size
    at_edge = sum(
        box[0] <= step or box[1] <= step or box[2] >= width - step or box[3] >= height - step
        for box in (shape.bounds for shape in tissues)
    )
    if at_edge:
        log.warning("%s: %d of %d pieces of tissue touch the slide's border", slide.path, at_edge, len(tissues))
    inked = float((small[..., 1].astype(np.int16) - small[..., 0] > INK).mean())
    if inked > INKED:
        log.warning(
            "%s: pen marks on %.1f %% of the slide: look at its tiles, or say where tissue is: --regions",
            slide.path, 100 * inked,
        )  # fmt: skip
