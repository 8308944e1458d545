"""A batch in chunks is the batch, dropout and autocast included."""

from collections.abc import Callable

import pytest
import torch
from timm.layers import DropPath, PatchDropout  # type: ignore[attr-defined]
from tiny_contrast import Contrasted, batch_of
from torch import nn

from past.base.errors import ConfigError
from past.models.past.gradient_cache import require_rowwise
from past.models.past.module import KINDS, Contrast
from past.nn.blocks import recompute_blocks

PAIRS = 12


def update(
    kind: str, chunk: int | None, dtype: torch.dtype, recomputed: bool = False, seed: int = 3
) -> list[torch.Tensor]:
    """The loss and all gradients with much dropout."""
    module = Contrasted(Contrast(kind, cache_chunk=chunk), dropout=0.4).to(dtype)
    if recomputed:
        recompute_blocks(module.model.cell_encoder)
    seeds = torch.randint(-(2**63), 2**63 - 1, (PAIRS,), generator=torch.Generator().manual_seed(seed))
    loss = module(batch_of(0, dtype), seeds)
    loss.backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    return [loss.detach(), *(parameter.grad for parameter in module.parameters() if parameter.grad is not None)]


@pytest.mark.parametrize("chunk", [1, 5, PAIRS, 100])
@pytest.mark.parametrize("kind", KINDS)
def test_cached_equals_uncached_with_dropout(kind: str, chunk: int) -> None:
    whole, cached = update(kind, None, torch.float64), update(kind, chunk, torch.float64)
    for own, right in zip(cached, whole, strict=True):
        torch.testing.assert_close(own, right, rtol=1e-9, atol=1e-12)
    other = update(kind, None, torch.float64, seed=4)
    assert not torch.allclose(other[0], whole[0])  # the seed is what it depends on


def test_recomputed_blocks_drop_the_same() -> None:
    whole = update("info_nce", None, torch.float64)
    for chunk in (None, 5):
        for own, right in zip(update("info_nce", chunk, torch.float64, recomputed=True), whole, strict=True):
            torch.testing.assert_close(own, right, rtol=1e-9, atol=1e-12)


def test_chunks_keep_little_for_backward() -> None:
    kept = []
    for chunk in (None, 2):
        module, held = Contrasted(Contrast("siglip", cache_chunk=chunk)), dict[int, int]()

        def note(tensor: torch.Tensor, held: dict[int, int] = held) -> torch.Tensor:
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            module(batch_of(0, torch.float32), torch.zeros(PAIRS, dtype=torch.int64))
        kept.append(sum(held.values()))
    assert kept[1] < 0.1 * kept[0]


def test_backward_runs_under_the_autocast_of_forward() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        module = Contrasted(Contrast("info_nce", cache_chunk=5))
        loss = module(batch_of(0, torch.float32), torch.zeros(PAIRS, dtype=torch.int64))
    loss.backward()  # as Lightning does, outside
    whole = Contrasted(Contrast("info_nce"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = whole(batch_of(0, torch.float32), torch.zeros(PAIRS, dtype=torch.int64))
    expected.backward()
    torch.testing.assert_close(loss, expected, rtol=1e-3, atol=0)
    for own, right in zip(module.parameters(), whole.parameters(), strict=True):
        assert own.grad is not None
        assert right.grad is not None
        assert (own.grad - right.grad).norm() <= 0.03 * right.grad.norm() + 1e-4


def test_a_layer_that_mixes_the_batch_is_refused() -> None:
    require_rowwise(nn.LayerNorm(3), 8)
    with pytest.raises(ConfigError, match=r"cache_chunk=8: 1 normalises over the batch.*cache_chunk=null"):
        require_rowwise(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)), 8)


@pytest.mark.parametrize("drops", [nn.Dropout, nn.Dropout2d, DropPath, PatchDropout])
def test_a_layer_that_draws_for_the_batch_is_refused_where_it_drops(drops: Callable[[float], nn.Module]) -> None:
    require_rowwise(nn.Sequential(drops(0.0)), 8)
    with pytest.raises(ConfigError, match=r"cache_chunk=8: 0 \(\w+\) would drop other.*options \(drop_rate"):
        require_rowwise(nn.Sequential(drops(0.1)), 8)
