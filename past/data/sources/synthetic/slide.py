"""A synthetic whole slide: round cores of one patient's tissue on glass, as a pyramid TIFF, and the cells in them.

Cores are punched from a few simulated sections, each used several times, turned and mirrored, so that a slide of 57
million pixels is made in seconds. Pixels are laid tile by tile as they are written.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anndata
import numpy as np
import pandas as pd
from PIL import Image
from scipy.sparse import csr_matrix, vstack

from past.base.errors import ConfigError
from past.base.files import atomic_path
from past.base.h5ad import new_h5ad
from past.base.keys import Keys
from past.data.sources.synthetic.histology import MPP
from past.data.sources.synthetic.layout import smooth_field
from past.data.sources.synthetic.profiles import GENES
from past.data.sources.synthetic.section import SyntheticSource
from past.data.sources.tissue import TissueSection

PITCH: Final = 1_536  # px from a core to the next
TILE: Final = 256  # px
FACTORS: Final = (1, 4, 16)  # of the pyramid's resolutions
SECTIONS: Final = 4  # that are simulated
TURNS: Final = 8  # ways to lay a square
_GLASS: Final = 243  # of 255
_QUALITY: Final = 85
_SMALLER: Final = {"subfiletype": 1}


@dataclass(frozen=True)
class Core:
    """A core on the slide.

    Attributes:
        section: number of the section that it is punched from.
        turn: quarter turns, and from 4 on mirrored first.
        corner: (2,) x, y in pixels of the slide of the section's corner.
    """

    section: int
    turn: int
    corner: np.ndarray


@dataclass(frozen=True)
class SyntheticSlide:
    """A slide of cores.

    Attributes:
        sections: what the cores are punched from, squares of one size.
        punched: their pixels (side, side, 3) uint8, glass around the core.
        inside: the core's place in each, (side, side) bool.
        cores: all of them.
        size: width and height in pixels.
    """

    sections: list[TissueSection]
    punched: list[np.ndarray]
    inside: list[np.ndarray]
    cores: list[Core]
    size: tuple[int, int]

    def pixels(self, x: int, y: int, side: int) -> np.ndarray:
        """Return the (side, side, 3) uint8 square from a corner, glass also beyond the slide."""
        square = np.full((side, side, 3), _GLASS, np.uint8)
        for core in self.cores:
            tissue = turned(self.punched[core.section], core.turn)
            left, top = core.corner - (x, y)
            x0, y0 = max(left, 0), max(top, 0)
            x1, y1 = min(left + len(tissue), side), min(top + len(tissue), side)
            if x0 < x1 and y0 < y1:
                square[y0:y1, x0:x1] = tissue[y0 - top : y1 - top, x0 - left : x1 - left]
        return square

    def cells(self) -> anndata.AnnData:
        """Return the recorded cells: raw counts, types, and places in pixels of the slide."""
        counts, places, types, of_core = [], [], [], []
        for number, core in enumerate(self.cores):
            section, inside = self.sections[core.section], self.inside[core.section]
            column, row = section.centres.astype(np.int64).T
            kept, known = np.flatnonzero(inside[row, column]), section.cell_types or ()
            counts.append(csr_matrix(section.counts.toarray()[kept]))
            places.append(turned_places(section.centres[kept], core.turn, len(inside)) + core.corner)
            types += [str(known[i]) for i in kept.tolist()]
            of_core += [f"core{number + 1:02d}"] * len(kept)
        of = self.sections[0].section
        meta = {"um_per_px": MPP, "patient": of.patient, "organism": of.species}
        cells = anndata.AnnData(
            csr_matrix(vstack(counts)),
            obs=pd.DataFrame(
                {Keys.CELL_TYPE: pd.Categorical(types), "core": pd.Categorical(of_core)},
                index=pd.Index([f"cell{i:06d}" for i in range(len(types))]),
            ),
            var=pd.DataFrame(index=pd.Index(GENES)),
            uns={Keys.META: {**meta, "tissue": of.organ, "platform": of.technology}},
        )
        cells.obsm[Keys.SPATIAL] = np.concatenate(places)
        return cells


def turned(square: np.ndarray, turn: int) -> np.ndarray:
    """Return a square of pixels mirrored and turned, without copying it."""
    return np.rot90(square[:, ::-1] if turn >= TURNS // 2 else square, turn % (TURNS // 2))


def turned_places(places: np.ndarray, turn: int, side: int) -> np.ndarray:
    """Return where places (n, 2) in a square of `side` pixels lie in the `turned` one."""
    x, y = places.T
    if turn >= TURNS // 2:
        x = side - x
    for _ in range(turn % (TURNS // 2)):
        x, y = y, side - x
    return np.stack([x, y], axis=1)


def make_slide(across: int, down: int, cells: int, seed: int) -> SyntheticSlide:
    """Simulate a slide.

    Args:
        across: cores in a row, PITCH apart.
        down: rows.
        cells: recorded in the square that a core is punched from; its size follows.
        seed: of all of it.

    Raises:
        ConfigError: a core that does not fit between its neighbours.
    """
    rng = np.random.default_rng([seed, across, down, cells])
    sources = [SyntheticSource(0, number, cells, seed) for number in range(min(SECTIONS, across * down))]
    side = round(sources[0].side / MPP)
    if side > PITCH:
        raise ConfigError(f"--cells {cells}: cores of {side:,} px do not fit {PITCH:,} px apart: ask for fewer cells")
    sections = [source.open() for source in sources]
    inside = [_disc(rng, side) for _ in sections]
    punched = [
        np.where(disc[..., None], np.asarray(section.image), np.uint8(_GLASS))
        for section, disc in zip(sections, inside, strict=True)
    ]
    cores = []
    for number in range(across * down):
        place = np.array([number % across, number // across]) * PITCH
        corner = place + (PITCH - side) // 4 + rng.integers(0, (PITCH - side) // 2 + 1, 2)  # off the slide's border
        cores.append(Core(number % len(sections), int(rng.integers(TURNS)), corner))
    return SyntheticSlide(sections, punched, inside, cores, (across * PITCH, down * PITCH))


def write_slide(path: Path, slide: SyntheticSlide) -> Path:
    """Write a slide as a pyramid TIFF that says its µm/px, its cells as a section beside it; return their path.

    The slide comes last: where it is there, both are.

    Raises:
        ConfigError: tifffile is not installed.
        NoSpaceError: the disk is full.
    """
    try:
        from imagecodecs import jpeg8_encode
        from tifffile import TiffWriter
    except ImportError as error:
        raise ConfigError(f"{path}: TIFF needs 'pip install past-pathology[tiff]'") from error

    def encoded(factor: int, columns: int, rows: int) -> Iterator[bytes]:
        side = TILE * factor
        for row in range(rows):
            for column in range(columns):
                square = Image.fromarray(slide.pixels(column * side, row * side, side))
                yield bytes(jpeg8_encode(np.asarray(square.reduce(factor)), level=_QUALITY))

    cells, beside = slide.cells(), path.with_suffix(".h5ad")
    cells.uns[Keys.META]["image"] = path.name
    with new_h5ad(beside, cells):
        pass
    with atomic_path(path) as part, TiffWriter(part) as file:
        for factor in FACTORS:
            width, height = (length // factor for length in slide.size)
            per_cm = 1e4 / (MPP * factor)
            kind: dict[str, Any] = {"subifds": len(FACTORS) - 1} if factor == 1 else _SMALLER
            file.write(
                encoded(factor, -(-width // TILE), -(-height // TILE)),
                shape=(height, width, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="ycbcr", compression="jpeg",
                resolution=(per_cm, per_cm), resolutionunit="CENTIMETER", metadata=None, **kind,
            )  # fmt: skip
    return beside


def _disc(rng: np.random.Generator, side: int) -> np.ndarray:
    """Return where a core with a ragged edge lies in its square, (side, side) bool."""
    down, across = np.indices((side, side)) - (side - 1) / 2
    ragged = np.kron(smooth_field(rng, (64, 64), 4), np.ones((-(-side // 64),) * 2))[:side, :side]
    return np.hypot(down, across) < side * (0.46 + 0.012 * ragged)
