"""The one door to segmenters with weights: LazySlide's zoo, each from a local file; nothing is downloaded."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from past.base.errors import ConfigError, reading
from past.cells import classical
from past.cells.nuclei import NEEDED
from past.cells.segment import Segmenter

CLASSICAL: Final = "classical"


def segmenter(name: str, weights: Path | None = None, stain: classical.Stain = "he") -> Segmenter:
    """Return what finds nuclei.

    Args:
        name: "classical", or "instanseg".
        weights: instanseg's TorchScript file; a program in it runs when it is loaded, so take it from its makers.
        stain: of the classical one.

    Raises:
        ConfigError: no such segmenter, no weights, or an extra that is not installed.
    """
    if name == CLASSICAL:
        return partial(classical.label_nuclei, stain=stain)
    if name not in _LOADED:
        raise ConfigError(f"--segment {name}: use {', '.join((CLASSICAL, *_LOADED))}, or give --nuclei FILE")
    if weights is None or not weights.is_file():
        raise ConfigError(
            f"--segment {name}: no weights ({weights or 'none given'}), and nothing is downloaded: give "
            f"--segment-weights FILE, or use --segment {CLASSICAL}, which needs none"
        )
    if find_spec("lazyslide_models") is None:
        raise ConfigError(f"--segment {name} needs LazySlide's models: {NEEDED}")
    return _LOADED[name](weights)


def _instanseg(path: Path) -> Segmenter:
    import torch
    from lazyslide_models.segmentation.instanseg import Instanseg  # type: ignore[import-not-found]

    model: Any = Instanseg.__new__(Instanseg)  # its own making downloads
    with reading(path, "not InstanSeg's TorchScript weights", "give instanseg_v0_1_0.pt", ConfigError):
        model.model = torch.jit.load(str(path), map_location="cpu").eval()
    change = model.get_transform()
    return lambda pixels: model.segment(change(pixels)[None]).instance_map[0].numpy()


_LOADED: Final[dict[str, Callable[[Path], Segmenter]]] = {"instanseg": _instanseg}
