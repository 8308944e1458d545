"""Features of a slide: block by block, gone on with where it was cut, refused by what differs."""

import logging
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from whole_slides import damage, plain_grid, section, write_svs

from past.base.disk.locks import lock
from past.base.errors import ConfigError, DataError
from past.nn.colour import ColourGrid
from past.slides.embedding import embed_slide, finished
from past.slides.features import read_feature_file
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.slide import Slide, open_slide

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
SIZE = (600, 400)
FACTS = {"slide": "abc", "tile px": 32, "encoder": "grid", "weights": "def"}


class Dying(nn.Module):
    """Colour means that raise after some batches, and count the tiles that they saw."""

    def __init__(self, dies_after: int = 1000) -> None:
        super().__init__()
        self.config = {"part": "Dying"}
        self.grid, self.dies_after, self.tiles, self.batches = ColourGrid(2), dies_after, 0, -1

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        if self.batches == self.dies_after:
            raise KeyboardInterrupt
        self.batches += 1  # the first is a black tile that tells the width
        self.tiles += len(crops) if self.batches else 0
        return self.grid(crops)


@pytest.fixture
def slide(tmp_path: Path) -> Slide:
    return open_slide(write_svs(tmp_path / "a.svs", section(*SIZE)))


def made(slide: Slide, path: Path, model: nn.Module | None = None, facts: dict = FACTS, **options) -> bytes:
    encoder = FrozenEncoder(model or ColourGrid(2))
    embed_slide(path, slide, plain_grid(SIZE), encoder, facts, **{"batch_size": 8} | options)
    return path.read_bytes()


def test_the_file_is_what_tridents_readers_expect(slide: Slide, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    made(slide, tmp_path / "f" / "a.h5", report=lambda *said: reports.append(said))
    grid = plain_grid(SIZE)
    tiles = np.stack([slide.tile(x, y, 32, 0.5) for x, y in grid.centres])
    with h5py.File(tmp_path / "f" / "a.h5") as file:
        np.testing.assert_array_equal(file["features"], FrozenEncoder(ColourGrid(2))(tiles))
        np.testing.assert_array_equal(file["coords"], grid.corners)
        assert file["tile_id"][:].tolist() == list(range(70))
        about = dict(file["coords"].attrs)
    expected = {"patch_size": 32, "patch_size_level0": 64, "level0_magnification": 40, "target_magnification": 20}
    assert expected.items() <= about.items()
    np.testing.assert_array_equal(read_feature_file(tmp_path / "f" / "a.h5").coords, grid.centres)
    assert [path.name for path in (tmp_path / "f").iterdir()] == ["a.h5"]
    assert reports[0] == ("a", 0, 70)
    assert reports[-1] == ("a", 70, 70)


@pytest.mark.parametrize("torn", [b"", b"\0" * 13, b"\1" * 200])
def test_it_goes_on_at_the_tile_where_it_was_to_the_same_bytes(slide: Slide, tmp_path: Path, torn: bytes) -> None:
    whole = made(slide, tmp_path / "whole" / "a.h5")
    with pytest.raises(KeyboardInterrupt):
        made(slide, tmp_path / "cut" / "a.h5", Dying(dies_after=2))
    with (tmp_path / "cut" / "a.h5.part").open("ab") as file:
        file.write(torn)
    second = Dying()
    again = made(slide, tmp_path / "cut" / "a.h5", second)
    assert second.tiles == 70 - 16
    assert again == whole


def test_killed_within_its_first_line_it_begins_again(slide: Slide, tmp_path: Path) -> None:
    whole = made(slide, tmp_path / "whole" / "a.h5")
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "a.h5.part").write_bytes(b'{"batch": 8, "enc')
    assert made(slide, tmp_path / "cut" / "a.h5") == whole


@pytest.mark.parametrize("name", FACTS)
def test_another_slide_grid_encoder_or_weights_is_refused_by_name(slide: Slide, tmp_path: Path, name: str) -> None:
    other = FACTS | {name: "other"}
    with pytest.raises(KeyboardInterrupt):
        made(slide, tmp_path / "a.h5", Dying(dies_after=2))
    says = rf"a\.h5.*: was made with another {name} \({FACTS[name]}, now other\): give another --out, or remove it"
    with pytest.raises(ConfigError, match=says):
        made(slide, tmp_path / "a.h5", facts=other)
    made(slide, tmp_path / "a.h5")
    with pytest.raises(ConfigError, match=says):
        made(slide, tmp_path / "a.h5", facts=other)
    with pytest.raises(KeyboardInterrupt):
        made(slide, tmp_path / "b.h5", Dying(dies_after=2))
    with pytest.raises(ConfigError, match="was made with another batch"):
        made(slide, tmp_path / "b.h5", batch_size=16)


def test_what_is_finished_is_found(slide: Slide, tmp_path: Path) -> None:
    assert finished(tmp_path / "a.h5", FACTS) is None
    before = made(slide, tmp_path / "a.h5")
    (tmp_path / "a.h5.part").write_bytes(b"left")
    there = finished(tmp_path / "a.h5", FACTS)
    assert there is not None
    assert (there.tiles, there.skipped, there.made) == (70, 0, False)
    assert not (tmp_path / "a.h5.part").exists()
    model = Dying()
    assert made(slide, tmp_path / "a.h5", model) == before
    assert model.tiles == 0
    (tmp_path / "other.h5").write_bytes(b"text")
    with pytest.raises(DataError, match="not an HDF5 file"):
        finished(tmp_path / "other.h5", FACTS)
    with h5py.File(tmp_path / "theirs.h5", "w") as file:
        file["features"] = np.zeros((2, 2))
    with pytest.raises(DataError, match="not features that 'past embed' made"):
        finished(tmp_path / "theirs.h5", FACTS)


def test_tiles_that_cannot_be_read_stop_it_or_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_svs(tmp_path / "a.svs", section(*SIZE), factors=(1,))
    whole = made(open_slide(path), tmp_path / "whole.h5")
    damage(path, 2, 3)
    with pytest.raises(DataError, match=r"tile 23 around 224, 160 px: .*leave such tiles out with --on-error skip"):
        made(open_slide(path), tmp_path / "a.h5")
    with caplog.at_level(logging.WARNING):
        made(open_slide(path), tmp_path / "a.h5", skip=True)
    assert "left out: tile 23 around 224, 160 px" in caplog.text
    with h5py.File(tmp_path / "a.h5") as file, h5py.File(tmp_path / "whole.h5") as other:
        assert file["tile_id"][:].tolist() == [number for number in range(70) if number != 23]
        assert file["skipped"][:].tolist() == [[192, 128]]
        np.testing.assert_array_equal(file["features"], np.delete(other["features"], 23, axis=0))
    assert whole != (tmp_path / "a.h5").read_bytes()


def test_a_process_that_may_not_wait_leaves_a_slide_to_the_other(slide: Slide, tmp_path: Path) -> None:
    with (tmp_path / "a.h5.part").open("wb") as held:
        assert lock(held)
        with pytest.raises(BlockingIOError):
            made(slide, tmp_path / "a.h5", wait=False)


def test_features_that_are_not_finite_are_refused(slide: Slide, tmp_path: Path) -> None:
    class Broken(nn.Module):
        def forward(self, crops: torch.Tensor) -> torch.Tensor:
            return torch.full((len(crops), 2), float("inf"))

    with pytest.raises(DataError, match="features of tiles 0–7 are not finite"):
        made(slide, tmp_path / "a.h5", Broken())
