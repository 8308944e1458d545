"""How many µm a slide's pixel measures, as its file says it, and which of its words said so."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from past.base.errors import DataError, reading

FINEST, COARSEST = 0.05, 10.0  # µm/px: what a slide scanner gives
ALIKE: Final = 0.01  # µm/px of x and y that differ by less are one number
LONGEST: Final = 1 << 20  # letters of a description that are looked at
_UNITS: Final = {"m": 1e6, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0, "nm": 1e-3, "Å": 1e-4, "pm": 1e-6}
_PER: Final = {2: 25_400.0, 3: 10_000.0}  # TIFF's ResolutionUnit → µm
_APERIO: Final = re.compile(r"\|\s*(MPP|AppMag)\s*=\s*([^|\r\n]*)")


@dataclass(frozen=True)
class Resolution:
    """What a file says of its pixels.

    Attributes:
        x: µm/px across; None: nothing usable is said.
        y: µm/px downwards.
        source: which words said so.
        objective: its magnification, where it is said.
        refused: numbers that are no slide's, as they stand there.
    """

    x: float | None = None
    y: float | None = None
    source: str = ""
    objective: float | None = None
    refused: tuple[str, ...] = ()

    def mpp(self, path: Path, given: float | None) -> tuple[float, str]:
        """Return µm/px, and what said so.

        Args:
            path: for messages.
            given: by the user, in place of what the file says.

        Raises:
            DataError: nothing usable is said, or another size in x than in y.
        """
        if given is not None:
            if not FINEST <= given <= COARSEST:
                raise DataError(f"{path}: --mpp {given:g}: give the slide's µm/px, from {FINEST:g} to {COARSEST:g}")
            return given, "given"
        if self.x is None or self.y is None:
            hint = ""
            if self.objective:
                hint = f" (its objective of {self.objective:g}× often means {10 / self.objective:.3g})"
            unusable = f" that a scanner gives ({', '.join(self.refused)})" if self.refused else ""
            raise DataError(f"{path}: the file says no µm/px{unusable}: give it with --mpp{hint}")
        if abs(self.x - self.y) > ALIKE * min(self.x, self.y):
            raise DataError(
                f"{path}: its pixels measure {self.x:g} × {self.y:g} µm ({self.source}), which is not square: "
                f"give --mpp {(self.x + self.y) / 2:.6g}, their mean, if that is near enough"
            )
        return (self.x + self.y) / 2, self.source


def tiff_resolution(path: Path) -> Resolution:
    """Return what a TIFF says: Aperio's text, else OME's PhysicalSizeX, else the TIFF's own resolution.

    Raises:
        DataError: damaged.
    """
    from tifffile import TiffFile

    with reading(path, "the image is damaged or cut off", "copy it again"), TiffFile(path) as file:
        page: Any = file.pages.first
        text = page.description[:LONGEST]
        tags = {name: page.tags[name].value for name in _TAGS if name in page.tags}
    return _first(
        ("Aperio's MPP", lambda: _aperio(text)),
        ("OME's PhysicalSizeX", lambda: _ome(text)),
        ("the TIFF's resolution", lambda: _tags(tags)),
        objective=_number(dict(_APERIO.findall(text)).get("AppMag")) if text.startswith("Aperio") else _nominal(text),
    )


def vendor_resolution(said: Mapping[str, str]) -> Resolution:
    """Return what OpenSlide found in the scanner's own words: its properties."""
    pair = (said.get("openslide.mpp-x"), said.get("openslide.mpp-y"))
    return _first(
        ("the scanner's words", lambda: _pair(*pair)),
        objective=_number(said.get("openslide.objective-power")),
    )


_TAGS: Final = ("XResolution", "YResolution", "ResolutionUnit")
Said = tuple[float, float] | None  # µm/px in x and y; None: nothing


def _first(*sources: tuple[str, Callable[[], Said]], objective: float | None) -> Resolution:
    """Return what the first source says that says a slide scanner's µm/px."""
    refused = []
    for name, said in sources:
        pair = said()
        if pair is None:
            continue
        x, y = pair
        if FINEST <= x <= COARSEST and FINEST <= y <= COARSEST:
            return Resolution(x, y, name, objective, tuple(refused))
        refused.append(f"{x:.4g} × {y:.4g} µm/px by {name}")
    return Resolution(objective=objective, refused=tuple(refused))


def _aperio(text: str) -> Said:
    found = dict(_APERIO.findall(text)) if text.startswith("Aperio") else {}
    return _pair(found.get("MPP"), found.get("MPP"))


def _ome(text: str) -> Said:
    found = _pixels(text)
    if "PhysicalSizeX" not in found:
        return None
    sizes = []
    for axis in ("X", "Y") if "PhysicalSizeY" in found else ("X", "X"):
        size = _number(found[f"PhysicalSize{axis}"])
        unit = _UNITS.get(found.get(f"PhysicalSize{axis}Unit", "µm"))
        if size is None or unit is None:
            return None
        sizes.append(size * unit)
    return sizes[0], sizes[1]


def _pixels(text: str) -> dict[str, str]:
    """Return the attributes of the first picture of OME-XML."""
    found = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", text)
    return dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', found[1])) if found else {}


def _nominal(text: str) -> float | None:
    found = re.search(r'\bNominalMagnification\s*=\s*"([^"]*)"', text)
    return _number(found[1]) if found else None


def _tags(tags: Mapping[str, Any]) -> Said:
    unit = _PER.get(int(tags.get("ResolutionUnit", 2)))
    if unit is None or not {"XResolution", "YResolution"} <= set(tags):
        return None
    sizes = []
    for name in ("XResolution", "YResolution"):
        over, under = tags[name]
        density = over / under if under else 0.0
        if density <= 0:
            return None
        sizes.append(unit / density)
    return (sizes[0], sizes[1]) if max(sizes) <= COARSEST else None  # a screen's or a printer's: 72, 96, 300 dpi


def _pair(x: str | None, y: str | None) -> Said:
    across, down = _number(x), _number(y)
    return None if across is None or down is None else (across, down)


def _number(text: str | None) -> float | None:
    """Return a number of 0 or more, its decimals after a point or a comma."""
    try:
        value = float((text or "").strip().replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
