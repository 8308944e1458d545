"""Real stains: the optical density of DAB in each nucleus, or in a ring around it, by colour deconvolution.

Stain vectors of haematoxylin and DAB: Ruifrok and Johnston, Anal Quant Cytol Histol 2001, as QuPath and scikit-image
have them by default (0.650 0.704 0.286 and 0.268 0.570 0.776); optical density is -log₁₀ of the share of light.
"""

from typing import Final

import numpy as np

from past.base.errors import ConfigError
from past.base.pictures import Picture
from past.cells.nuclei import Nuclei
from past.cells.raster import RADIUS_UM, Raster, skimage

WHERE: Final = ("nucleus", "ring", "cell")
RING_UM: Final = 3.0
TILE: Final = 1024  # px at a time
_DECADES: Final = 6.0  # scikit-image's unit of density: -log of light over that of 10⁻⁶


def stain_density(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the optical densities (h, w) of haematoxylin and of DAB, of (h, w, 3) uint8."""
    skimage("measuring a stain")
    from skimage.color import hdx_from_rgb, separate_stains

    parts = separate_stains(pixels, hdx_from_rgb) * _DECADES
    return parts[..., 0], parts[..., 1]


def measure(picture: Picture, nuclei: Nuclei, mpp: float, where: str = "nucleus", ring: float = RING_UM) -> np.ndarray:
    """Return the mean optical density of DAB of each nucleus, (n,); NaN where no pixel of the picture is its own.

    Args:
        picture: H-DAB.
        nuclei: in its pixels.
        mpp: µm a pixel.
        where: "nucleus"; "ring", the `ring` µm around it up to the neighbours' (membrane, cytoplasm); or "cell", both.
        ring: µm.

    Raises:
        ConfigError: scikit-image is not installed, or no such place.
    """
    if where not in WHERE:
        raise ConfigError(f"--compartment {where}: use {', '.join(WHERE)}")
    inner = Raster(nuclei, RADIUS_UM / mpp)
    outer = inner if where == "nucleus" else Raster(nuclei, RADIUS_UM / mpp, ring / mpp)
    total, pixels = np.zeros(len(nuclei) + 1), np.zeros(len(nuclei) + 1)
    width, height = picture.size
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            box = (left, top, min(left + TILE, width), min(top + TILE, height))
            if not len(outer.rows(*box)):
                continue
            labels = outer.labels(*box)
            if where == "ring":
                labels[inner.labels(*box) > 0] = 0
            density = stain_density(np.asarray(picture.crop(box)))[1]
            total += np.bincount(labels.ravel(), density.ravel(), len(total))
            pixels += np.bincount(labels.ravel(), minlength=len(total))
    with np.errstate(invalid="ignore"):
        return (total / pixels)[1:]
