"""Pools against loops over patients."""

import pytest
import torch

from past.models.survival.pooling import POOLS, GatedAttention, GeneSetAttention, MeanPool, Segments

LENGTHS = [3, 0, 5, 1]


@pytest.fixture
def parts() -> tuple[torch.Tensor, Segments, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(9, 4, generator=draw), Segments(torch.tensor(LENGTHS)), torch.randn(4, 3, 4, generator=draw)


def test_the_mean_is_each_patients(parts: tuple[torch.Tensor, Segments, torch.Tensor]) -> None:
    hidden = parts[0]
    pooled, weights = MeanPool(4)(*parts)
    own = [part.mean(0) if len(part) else torch.zeros(4) for part in hidden.split(LENGTHS)]
    assert torch.allclose(pooled, torch.stack(own))
    assert torch.allclose(weights, torch.tensor([1 / 3] * 3 + [1 / 5] * 5 + [1]))


def test_gated_attention_is_ilses(parts: tuple[torch.Tensor, Segments, torch.Tensor]) -> None:
    hidden = parts[0]
    pool = GatedAttention(4)
    pooled, weights = pool(*parts)
    for row, (own, part) in enumerate(zip(hidden.split(LENGTHS), weights.split(LENGTHS), strict=True)):
        scores = pool.score(torch.tanh(pool.value(own)) * torch.sigmoid(pool.gate(own)))
        expected = torch.softmax(scores[:, 0], dim=0)
        assert torch.allclose(part, expected, atol=1e-6)
        assert torch.allclose(pooled[row], expected @ own if len(own) else torch.zeros(4), atol=1e-6)


def test_gene_sets_look_at_their_own_patients_tiles(parts: tuple[torch.Tensor, Segments, torch.Tensor]) -> None:
    hidden, _, tokens = parts
    pool = GeneSetAttention(4)
    pooled, weights = pool(*parts)
    for row, own in enumerate(hidden.split(LENGTHS)):
        if len(own):
            attended = torch.softmax(pool.query(tokens[row]) @ pool.key(own).T / 2, dim=1) @ own
            assert torch.allclose(pooled[row], attended.mean(0), atol=1e-6)
    assert torch.allclose(torch.stack([part.sum() for part in weights.split(LENGTHS)]), torch.tensor([1.0, 0, 1, 1]))


@pytest.mark.parametrize("name", POOLS)
def test_large_scores_and_no_tiles_at_all_are_borne(name: str) -> None:
    pool, tokens = POOLS[name](4), torch.ones(2, 3, 4)
    large = pool(torch.full((3, 4), 1e4), Segments(torch.tensor([2, 1])), tokens)[0]
    assert large.isfinite().all()
    none = pool(torch.zeros(0, 4, requires_grad=True), Segments(torch.tensor([0, 0])), tokens)[0]
    assert none.tolist() == [[0] * 4] * 2
