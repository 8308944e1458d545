import pytest
import torch

from past.models.past.fusion import Add, Concat, CrossAttention, Film, Gated, WeightedAdd
from past.nn.layers import Part


@pytest.mark.parametrize("kind", [Add, WeightedAdd, Gated, Film, Concat, CrossAttention])
def test_every_fusion_listens_to_both(kind: type[Part]) -> None:
    torch.manual_seed(0)
    fusion = kind(8)
    cell, niche = torch.randn(2, 5, 8, requires_grad=True).unbind()
    cell.retain_grad()
    niche.retain_grad()
    out = fusion(cell, niche)
    (out * torch.randn(5, 8)).sum().backward()
    assert out.shape == (5, 8)
    for side in (cell, niche):
        assert side.grad is not None
        assert (side.grad.abs().sum(1) > 0).all()
    assert all(parameter.grad is not None for parameter in fusion.parameters())


def test_sums_start_with_the_published_weights() -> None:
    cell, niche = torch.ones(1, 4), torch.zeros(1, 4)
    torch.testing.assert_close(Add(4)(cell, niche), torch.full((1, 4), 0.6))
    torch.testing.assert_close(WeightedAdd(4)(cell, niche), torch.full((1, 4), 0.7).sigmoid())
