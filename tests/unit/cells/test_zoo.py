"""Segmenters by name."""

from pathlib import Path

import numpy as np
import pytest
import torch

from past.base.errors import ConfigError
from past.cells.zoo import segmenter


def test_the_classical_one_needs_no_weights() -> None:
    pytest.importorskip("skimage")
    assert not segmenter("classical")(np.full((64, 64, 3), 250, np.uint8)).any()


def test_others_say_what_they_lack(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--segment stardust: use classical, instanseg"):
        segmenter("stardust")
    with pytest.raises(ConfigError, match=r"no weights .none given., and nothing is downloaded"):
        segmenter("instanseg")
    pytest.importorskip("lazyslide_models")
    (tmp_path / "w.pt").write_bytes(b"none")
    with pytest.raises(ConfigError, match="not InstanSeg's TorchScript weights"):
        segmenter("instanseg", tmp_path / "w.pt")


class Dark(torch.nn.Module):
    """In the place of InstanSeg: one nucleus, what is dark."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return (image.mean(dim=1, keepdim=True) < 0.5).float()


def test_local_weights_are_used(tmp_path: Path) -> None:
    pytest.importorskip("lazyslide_models")
    torch.jit.script(Dark()).save(str(tmp_path / "w.pt"))
    pixels = np.full((64, 64, 3), 230, np.uint8)
    pixels[10:20, 30:50] = 40
    labels = segmenter("instanseg", tmp_path / "w.pt")(pixels)
    assert labels.shape == (64, 64)
    assert labels[15, 40] == 1
    assert (labels > 0).sum() == 200
