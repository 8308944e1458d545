"""A section's H&E image: where it lies, and whether the cells lie on its tissue."""

import math
from pathlib import Path

import numpy as np

from past.base.errors import DataError, reading
from past.base.pictures import UPRIGHT, Picture, stored_orientation

BESIDE = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
_SATURATED = 20  # of 255: stained tissue lies above in every section that we have seen, glass and black borders below
_BRIGHT = 100  # of 255, the darkest channel: glass and stroma lie above, fluorescence below
_BACKGROUND = 0.1  # of the cells on tissue: below, they belong elsewhere
_GAIN = 0.2  # of the cells: what exchanging x and y must gain to be what happened


def find_image(h5ad: Path, named: str | None) -> Path:
    """Return the image that the file names (relative to it), else the one beside it of the same stem.

    Raises:
        DataError: there is none, or several.
    """
    if named and (Path(named).is_absolute() or ".." in Path(named).parts):
        raise DataError(
            f"{h5ad.stem}: its image {named!r} is not in its own folder: put it there, or give it with --image"
        )
    wanted = [h5ad.parent / named] if named else [h5ad.with_suffix(suffix) for suffix in BESIDE]
    with reading(h5ad.stem, f"no file can be called {named!r:.80}", "give the image with --image"):
        found = [path for path in wanted if path.is_file()]
    if not found:
        looked = named or f"{h5ad.stem}{{{','.join(BESIDE)}}}"
        raise DataError(f"{h5ad.stem}: no image {looked} in {h5ad.parent}: put it there, or give it with --image")
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{h5ad.stem}: {names} in {h5ad.parent} could both be its image: give one with --image")
    return found[0]


def check_inside(section: str, image: Picture, centres: np.ndarray) -> None:
    """Raise DataError where a centre (n, 2) in pixels lies outside an image."""
    size = image.size
    count = int(outside(size, centres).sum())
    if not count:
        return
    cure = "the image of another resolution? give --image-mpp, or leave them out with --drop-outside"
    if stored_orientation(image) != UPRIGHT:
        cure = _of_stored_pixels(image)
    elif not outside(size, centres[:, ::-1]).any():
        cure = "with x and y exchanged all lie inside: are the columns of obsm['spatial'] swapped?"
    raise DataError(
        f"{section}: {count} of {len(centres)} spots lie outside the {size[0]} × {size[1]} px image: {cure}"
    )


def overview(image: Picture, mpp: float) -> tuple[np.ndarray, int]:
    """Return the image (h, w, 3) int16 at about a cell's size a pixel, 6 to 11 µm, and its pixels per pixel of that."""
    most = max(image.size).bit_length()  # beyond, the whole image is one pixel, whatever its µm/px say
    step = 2 ** min(max(0, round(math.log2(8 / mpp))), most)  # a power of two: the pyramid in the file has it
    return np.asarray(image.reduce(step)).astype(np.int16), step


def check_on_tissue(section: str, image: Picture, mpp: float, centres: np.ndarray) -> None:
    """Raise DataError where nearly all centres (n, 2) lie on background, or many more would with x and y exchanged.

    Also where nothing in the image is bright, as glass and pale stroma are in every H&E.
    """
    small, step = overview(image, mpp)
    brightest = np.percentile(small.min(axis=-1), 99)
    if brightest < _BRIGHT:
        raise DataError(
            f"{section}: the brightest of its image is {brightest:.0f} of 255: fluorescence? "
            "give the H&E, whose glass is white"
        )
    tissue = small.max(axis=-1) - small.min(axis=-1) > _SATURATED
    here, exchanged = (_share_on(tissue, centres[:, order] / step) for order in ([0, 1], [1, 0]))
    if exchanged - here > _GAIN:
        cure = "swap the columns of obsm['spatial'], which is (x, y)"
        if stored_orientation(image) != UPRIGHT:
            cure = _of_stored_pixels(image)
        raise DataError(
            f"{section}: {here:.0%} of the spots lie on tissue, {exchanged:.0%} with x and y exchanged: {cure}"
        )
    if here < _BACKGROUND:
        raise DataError(
            f"{section}: {here:.0%} of the spots lie on stained tissue, the others on background: "
            "is it this section's H&E image, and obsm['spatial'] in its pixels?"
        )


def _of_stored_pixels(image: Picture) -> str:
    return (
        f"its pixels are stored turned (orientation {stored_orientation(image)}) and were read upright: are the "
        "coordinates of the stored ones? save the picture upright, with its coordinates"
    )


def outside(size: tuple[int, int], centres: np.ndarray) -> np.ndarray:
    """Return which centres (n, 2) lie outside an image of `size` (width, height); what is no number lies nowhere."""
    return ~np.all((centres >= 0) & (centres <= np.array(size)), axis=1)


def _share_on(tissue: np.ndarray, places: np.ndarray) -> float:
    columns, rows = np.floor(places).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < tissue.shape[1]) & (rows < tissue.shape[0])
    return float(tissue[rows[inside], columns[inside]].sum() / len(places))
