"""Nuclei: a place each, and where it is known an outline; in pixels of the slide's level 0."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from past.base.errors import ConfigError, DataError
from past.base.joins import require_unique
from past.slides.slide import Slide

UNITS: Final = ("auto", "px", "um")
NEEDED: Final = "pip install 'past-pathology[cells]'"
TISSUE: Final = 20  # of 255: by how much the channels of stained tissue differ at least


@dataclass(frozen=True)
class Nuclei:
    """n nuclei.

    Attributes:
        centres: (n, 2) float64 x, y; the first pixel covers 0 to 1.
        outlines: (n,) polygons (k, 2), not closed; None: only places are known.
        names: (n,), unique.
        types: (n,) as a file says, "" where it says none; None: it says none of any.
    """

    centres: np.ndarray
    outlines: tuple[np.ndarray, ...] | None = None
    names: tuple[str, ...] = field(default=())
    types: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.names:
            object.__setattr__(self, "names", tuple(f"cell{i:06d}" for i in range(len(self.centres))))

    def __len__(self) -> int:
        return len(self.centres)

    @staticmethod
    def outlined(
        outlines: Sequence[np.ndarray], names: Sequence[str] = (), types: Sequence[str] | None = None, where: str = ""
    ) -> "Nuclei":
        """Return nuclei by their outlines; each centre is the centroid of its area.

        Raises:
            DataError: an outline of fewer than three corners, or with what is no number.
            ConfigError: shapely is not installed.
        """
        import shapely

        for i, outline in enumerate(outlines):
            if len(outline) < 3 or not np.isfinite(outline).all():
                who = names[i] if names else f"number {i}"
                fault = f"{len(outline)} corners" if len(outline) < 3 else "a corner that is no number"
                raise DataError(f"{where}: the outline of {who} has {fault}: give 3 or more, all of them numbers")
        middle = shapely.get_coordinates(shapely.centroid(_polygons(outlines, where)))
        return Nuclei(middle.reshape(-1, 2), tuple(outlines), tuple(names), None if types is None else tuple(types))

    def at(self, rows: np.ndarray) -> "Nuclei":
        """Return some of them, in the order of `rows` (m,) int or (n,) bool."""
        chosen = np.arange(len(self))[rows].tolist()
        parts: dict[str, Any] = {
            name: None if (whole := getattr(self, name)) is None else tuple(whole[i] for i in chosen)
            for name in ("outlines", "names", "types")
        }
        return Nuclei(self.centres[chosen], **parts)

    def moved(self, place: Callable[[np.ndarray], np.ndarray]) -> "Nuclei":
        """Return them with all coordinates (…, 2) as `place` brings them."""
        outlines = None if self.outlines is None else tuple(map(place, self.outlines))
        return replace(self, centres=place(self.centres), outlines=outlines)

    def scaled(self, factor: float) -> "Nuclei":
        """Return them with all coordinates times `factor`."""
        return self.moved(lambda places: places * factor)


def checked(nuclei: Nuclei, where: str) -> Nuclei:
    """Return nuclei that are whole: names once, finite places, outlines with an area that do not cross themselves.

    Raises:
        DataError: they are not; it names the first that is not.
    """
    if not len(nuclei):
        raise DataError(f"{where}: holds no nucleus: give points, or polygons")
    require_unique(nuclei.names, where, "names of nuclei", "give each its own, or none")
    lost = np.flatnonzero(~np.isfinite(nuclei.centres).all(axis=1))
    if len(lost):
        raise DataError(f"{where}: nucleus {nuclei.names[lost[0]]} has no place (NaN): leave it out")
    if nuclei.outlines is not None:
        _require_simple(nuclei.outlines, nuclei.names, where)
    return nuclei


def on_slide(nuclei: Nuclei, slide: Slide, where: str, unit: str = "auto") -> Nuclei:
    """Return nuclei in pixels of the slide's level 0.

    Args:
        nuclei: as a file gave them.
        slide: theirs.
        where: names the file in messages.
        unit: "px" or "um" of their coordinates; "auto": pixels, refused where they look like µm.

    Raises:
        ConfigError: no such unit.
        DataError: nuclei outside the slide, or what looks like µm.
    """
    if unit not in UNITS:
        raise ConfigError(f"--unit {unit}: use px, um, or auto")
    found = nuclei.scaled(1 / slide.mpp) if unit == "um" else nuclei
    width, height = slide.size
    outside = ~((found.centres >= 0) & (found.centres <= (width, height))).all(axis=1)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        x, y = found.centres[first]
        raise DataError(
            f"{where}: {outside.sum():,} of {len(found):,} nuclei lie outside the {width:,} × {height:,} px slide (the "
            f"first, {found.names[first]}, at {x:,.0f}, {y:,.0f}): of another slide or resolution? give pixels of "
            "level 0, or --unit um"
        )
    if unit == "auto" and _looks_like_um(found.centres, slide):
        raise DataError(
            f"{where}: all nuclei lie within {found.centres[:, 0].max():,.0f} × {found.centres[:, 1].max():,.0f} of a "
            f"slide of {width:,} × {height:,} px, and most of its tissue beyond: in µm? give --unit um, or --unit px "
            "if they are pixels"
        )
    return found


def _looks_like_um(centres: np.ndarray, slide: Slide) -> bool:
    """Whether nuclei fill the slide's corner that they would fill as µm, and more than half of the tissue is beyond."""
    most = np.array(slide.size) * slide.mpp
    if slide.mpp > 0.75 or (centres > most).any():
        return False
    small, step = slide.overview
    y, x = np.nonzero(np.ptp(small.astype(np.int16), axis=2) >= TISSUE)
    beyond = (x * step > centres[:, 0].max() + step) | (y * step > centres[:, 1].max() + step)
    return len(x) > 0 and float(beyond.mean()) > 0.5


def _polygons(outlines: Sequence[np.ndarray], where: str) -> np.ndarray:
    try:
        import shapely
    except ImportError as error:
        raise ConfigError(f"{where}: outlines need {NEEDED}") from error
    if not len(outlines):
        return np.array([], dtype=object)
    lengths = [len(outline) for outline in outlines]
    rings = shapely.linearrings(np.concatenate(outlines), indices=np.repeat(np.arange(len(outlines)), lengths))
    return np.asarray(shapely.polygons(rings))


def _require_simple(outlines: Sequence[np.ndarray], names: Sequence[str], where: str) -> None:
    shapes = _polygons(outlines, where)
    import shapely

    wrong = np.flatnonzero(~np.asarray(shapely.is_valid(shapes)))
    if len(wrong):
        reason = shapely.is_valid_reason(shapes[wrong[0]])
        raise DataError(
            f"{where}: {len(wrong):,} of {len(outlines):,} outlines cross themselves (the first, {names[wrong[0]]}: "
            f"{reason}): draw them again, or give the nuclei's places alone"
        )
