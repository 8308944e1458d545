"""Features on disk: made once, resumed between batches, keyed by all that moves them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bench import write_sample
from torch import nn

from past.base.errors import DataError
from past.nn.colour import ColourGrid
from past.slides.feature_cache import FeatureCache, TileChange
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.tiles import PatchFile

DARKER = TileChange("half", lambda tiles: tiles // 2)


class Dying(nn.Module):
    """Colour means that raise after some batches, and count what they saw."""

    def __init__(self, dies_after: int = 1000) -> None:
        super().__init__()
        self.config = {"part": "Dying"}
        self.grid, self.dies_after, self.tiles, self.batches = ColourGrid(2), dies_after, 0, 0

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        if self.batches == self.dies_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.tiles += len(crops)
        return self.grid(crops)


@pytest.fixture
def patches(tmp_path: Path) -> PatchFile:
    write_sample(tmp_path, "S", seed=0)
    return PatchFile.open(tmp_path / "patches" / "S.h5")


def test_features_are_the_encoders_own_and_are_made_once(patches: PatchFile, tmp_path: Path) -> None:
    model = Dying()
    encoder, cache = FrozenEncoder(model), FeatureCache(tmp_path / "cache", batch_size=8)
    first = cache.features(encoder, patches, "S")
    assert np.array_equal(first, FrozenEncoder(ColourGrid(2))(patches.images(0, 30)))
    assert first.dtype == np.float32
    assert np.array_equal(cache.features(encoder, patches, "S"), first)
    assert model.tiles == 30


@pytest.mark.parametrize("torn", [b"", b"\0" * 13, b"\1" * 200])
def test_an_interrupted_run_goes_on_at_the_spot_where_it_was_cut(
    patches: PatchFile, tmp_path: Path, torn: bytes
) -> None:
    whole = FeatureCache(tmp_path / "other", batch_size=8).features(FrozenEncoder(Dying()), patches, "S")
    cache = FeatureCache(tmp_path / "cache", batch_size=8)
    with pytest.raises(KeyboardInterrupt):
        cache.features(FrozenEncoder(Dying(dies_after=2)), patches, "S")
    (part,) = (tmp_path / "cache").glob("*.part")
    with part.open("ab") as file:
        file.write(torn)
    second = Dying()
    assert np.array_equal(cache.features(FrozenEncoder(second), patches, "S"), whole)
    done = 16 + 8 * (len(torn) // (8 * 12 * 4))
    assert second.tiles == 30 - done
    assert not list((tmp_path / "cache").glob("*.part"))


def test_whatever_moves_the_features_moves_their_key(patches: PatchFile, tmp_path: Path) -> None:
    cache, folder = FeatureCache(tmp_path / "cache"), tmp_path / "cache"
    cache.features(FrozenEncoder(ColourGrid(2)), patches, "S")
    cache.features(FrozenEncoder(ColourGrid(2)), patches, "S")
    assert len(list(folder.iterdir())) == 1
    cache.features(FrozenEncoder(ColourGrid(4)), patches, "S")
    cache.features(FrozenEncoder(ColourGrid(2)), patches, "S", DARKER)
    write_sample(tmp_path, "S", seed=1)
    cache.features(FrozenEncoder(ColourGrid(2)), PatchFile.open(patches.path), "S")
    assert len(list(folder.iterdir())) == 4
    half = FrozenEncoder(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2)), "fp32")
    full = FrozenEncoder(half.model, "fp16")
    assert half.fingerprint != full.fingerprint
    with torch.no_grad():
        half.model[1].bias += 1  # type: ignore[union-attr,index,operator]
    assert FrozenEncoder(half.model).fingerprint != half.fingerprint


def test_features_that_are_not_finite_are_refused(patches: PatchFile, tmp_path: Path) -> None:
    class Broken(nn.Module):
        def forward(self, crops: torch.Tensor) -> torch.Tensor:
            return torch.full((len(crops), 2), float("inf"))

    with pytest.raises(DataError, match="tiles 0–29 are not finite"):
        FeatureCache(tmp_path / "cache").features(FrozenEncoder(Broken()), patches, "S")


def test_what_was_begun_in_other_batches_is_removed_when_all_is_there(patches: PatchFile, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        FeatureCache(tmp_path / "cache", batch_size=8).features(FrozenEncoder(Dying(dies_after=2)), patches, "S")
    FeatureCache(tmp_path / "cache", batch_size=16).features(FrozenEncoder(Dying()), patches, "S")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npy"]


def test_the_bar_shows_a_title_as_it_is(
    tmp_path: Path, patches: PatchFile, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    FeatureCache(tmp_path / "cache", 8).features(FrozenEncoder(ColourGrid(2)), patches, "[/red]S:b:1")
    assert "[/red]S:b:1" in capsys.readouterr().err
