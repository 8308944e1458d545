"""What a caller hands over, checked: each fault gets a sentence that says what was seen and what would work."""

from types import MappingProxyType
from typing import Final

import numpy as np

from past.base.errors import DataError

ENCODERS: Final = MappingProxyType(
    {
        384: "a ViT-S's (Lunit, Kaiko)",
        512: "CONCH's",
        768: "a ViT-B's (Phikon, CTransPath) or CONCH 1.5's",
        1024: "UNI's or Phikon-v2's",
        1280: "Virchow2's without patch tokens",
        1536: "Prov-GigaPath's, UNI2-h's or H-optimus'",
        2048: "ResNet50's",
        2560: "Virchow's or Virchow2's",
    }
)


def check_slide(features: np.ndarray, coords: np.ndarray, width: int, encoder: str | None) -> None:
    """Check features (N, F) and coordinates (N, 2) of a slide for weights that read features of `width`.

    Raises:
        DataError: another width, other numbers of rows, no spots, values that are not finite, or a place twice.
    """
    if features.ndim != 2 or features.shape[1] != width:
        found = features.shape[-1] if features.ndim else 0
        made_by = f" ({ENCODERS[found]} width)" if found in ENCODERS else ""
        expected = encoder or (f"{ENCODERS[width]} width" if width in ENCODERS else "the one they were trained on")
        raise DataError(
            f"features of shape {features.shape}{made_by}, but the weights read {width} numbers a spot: "
            f"embed the tiles with their encoder ({expected})"
        )
    if coords.ndim != 2 or coords.shape != (len(features), 2):
        raise DataError(f"{len(features)} spots in features, but coords of shape {coords.shape}: give (x, y) for each")
    if not len(features):
        raise DataError("features and coords hold no spot: is the tissue mask of this slide empty?")
    for name, values in (("features", features), ("coords", coords)):
        wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(wrong):
            raise DataError(
                f"{name}: {len(wrong)} of {len(values)} rows hold NaN or infinity (the first is row {wrong[0]}): "
                "leave these spots out, or embed them again (in float32)"
            )
    places, first, times = np.unique(coords, axis=0, return_index=True, return_counts=True)
    if len(places) < len(coords):
        twice = int(np.argmax(times > 1))
        x, y = places[twice]
        raise DataError(
            f"coords: {len(coords) - len(places)} of {len(coords)} spots lie where another does "
            f"(the first at {x:g}, {y:g}, row {first[twice]}): two slides in one file, or rows written twice?"
        )
