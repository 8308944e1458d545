"""Augmentation: drawn from the key alone, true to tissue."""

import numpy as np
import pytest
import torch

from past.base.errors import ConfigError
from past.data.shards.records import RawCell
from past.models.past.batch import CellBatch
from past.models.past.samples.augmentation import Augmentation, draw

KEYS = [f"S_{i:07d}" for i in range(400)]


def test_numbers_follow_from_key_seed_epoch_and_purpose_alone() -> None:
    numbers = draw(KEYS, seed=1, epoch=2, purpose=0, numbers=4)
    np.testing.assert_array_equal(draw(KEYS[::-1], 1, 2, 0, 4)[::-1], numbers)
    np.testing.assert_array_equal(draw(KEYS[:3], 1, 2, 0, 2), numbers[:3, :2])
    for other in (draw(KEYS, 2, 2, 0, 4), draw(KEYS, 1, 3, 0, 4), draw(KEYS, 1, 2, 1, 4)):
        assert abs(np.corrcoef(other.ravel(), numbers.ravel())[0, 1]) < 0.1
    assert numbers.min() >= 0
    assert numbers.max() < 1
    np.testing.assert_allclose(numbers.mean(0), 0.5, atol=0.06)
    np.testing.assert_allclose(np.corrcoef(numbers.T), np.eye(4), atol=0.2)


def a_batch(crops: torch.Tensor, positions: torch.Tensor) -> CellBatch:
    none = torch.zeros(len(crops), 1)
    return CellBatch(crops, none, none, none, none, positions, KEYS[: len(crops)], [{}] * len(crops))


def test_a_neighbour_turns_with_the_crop() -> None:
    crops = torch.zeros(len(KEYS), 3, 9, 9, dtype=torch.uint8)
    crops[:, :, 4 + 1, 4 + 3] = 255  # a mark at x = 3, y = 1 from the middle
    batch = a_batch(crops, torch.tensor([[[3.0, 1.0]]]).expand(len(KEYS), 1, 2))
    turned = Augmentation(stain=0)(batch, 0, 0)
    where = turned.crops[:, 0].nonzero()[:, 1:].flip(1) - 4
    assert torch.equal(turned.positions[:, 0], where.float())
    assert len({tuple(row) for row in where.tolist()}) == 8
    plain = Augmentation(turns=False, stain=0)(batch, 0, 0)
    assert plain.crops is crops


def test_stain_jitter_is_small_and_follows_the_key() -> None:
    crops = torch.randint(0, 256, (8, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    batch = a_batch(crops, torch.zeros(8, 1, 2))
    barely = Augmentation(turns=False, stain=1e-6)(batch, 0, 0)
    torch.testing.assert_close(barely.crops, crops, atol=1, rtol=0)
    jittered = Augmentation(turns=False, stain=0.05)(batch, 0, 0).crops
    assert 1 < (jittered.float() - crops.float()).abs().mean() < 30
    alone = a_batch(crops[:3].contiguous(memory_format=torch.channels_last), torch.zeros(3, 1, 2))
    torch.testing.assert_close(Augmentation(turns=False, stain=0.05)(alone, 0, 0).crops, jittered[:3])


def test_pixels_are_computed_in_single_precision_under_autocast() -> None:
    batch = a_batch(torch.arange(0, 192, dtype=torch.uint8).view(1, 3, 8, 8), torch.zeros(1, 1, 2))
    outside = Augmentation(turns=False)(batch, 0, 0).crops
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(Augmentation(turns=False)(batch, 0, 0).crops, outside)


def test_thinning_takes_transcripts_and_keeps_rows() -> None:
    cell = RawCell(
        "S_1", "s.tar", b"", np.arange(60, dtype=np.uint16), np.full(60, 50, np.uint8),
        np.array([0, 20, 20, 60], np.int32), np.zeros((3, 2), np.float32), {},
    )  # fmt: skip
    assert Augmentation().thin([cell], 0, 0)[0] is cell
    thinned = Augmentation(thinning=0.9).thin([cell], 0, 0)[0]
    again = Augmentation(thinning=0.9).thin([cell], 0, 0)[0]
    np.testing.assert_array_equal(thinned.counts, again.counts)
    assert thinned.counts.sum() < cell.counts.sum()
    assert (thinned.counts > 0).all()
    assert thinned.offsets[1] == thinned.offsets[2]
    assert thinned.offsets[-1] == len(thinned.counts) == len(thinned.genes)


def test_values_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError, match=r"augmentation.stain=1.5: use 0 to below 1"):
        Augmentation(stain=1.5)
