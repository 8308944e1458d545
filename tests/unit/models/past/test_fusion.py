import pytest
import torch
import torch.nn.functional as F

from past.models.past.fusion import Add, Concat, CrossAttention, Film, Gated, WeightedAdd
from past.models.past.niche_encoder import GraphAttention, NicheEncoder, token_ids
from past.models.past.vocabulary import PADDING
from past.nn.layers import Part

VALID = torch.tensor([[True, True, True, True], [True, True, False, False], [True, False, False, False]])


def nodes() -> torch.Tensor:
    return torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))


def encoder() -> NicheEncoder:
    torch.manual_seed(0)
    return NicheEncoder(6, hidden=5, width=7).eval()


def test_graph_attention_is_its_formula_edge_by_edge() -> None:
    torch.manual_seed(0)
    layer, x = GraphAttention(6, 5), nodes()
    torch.nn.init.normal_(layer.bias)
    found = layer(x, VALID)
    for b in range(3):
        alive = [j for j in range(4) if VALID[b, j]]
        h = [layer.linear.weight @ x[b, j] for j in range(4)]
        for i in alive:
            scores = torch.stack([layer.target.flatten() @ h[i] + layer.source.flatten() @ h[j] for j in alive])
            alpha = F.leaky_relu(scores, 0.2).softmax(0)
            expected = sum(a * h[j] for a, j in zip(alpha, alive, strict=True)) + layer.bias
            torch.testing.assert_close(found[b, i], expected)


def test_the_order_of_neighbours_does_not_matter() -> None:
    order = [0, 3, 1, 2]
    torch.testing.assert_close(encoder()(nodes()[:, order], VALID[:, order]), encoder()(nodes(), VALID))


def test_rows_that_do_not_exist_have_no_influence() -> None:
    other = nodes().masked_fill(~VALID[..., None], 1e6)
    torch.testing.assert_close(encoder()(other, VALID), encoder()(nodes(), VALID))


def test_token_ids_are_padded_with_zeros_to_the_published_width() -> None:
    tokens = torch.tensor([[[40, 33, PADDING]]])
    assert token_ids(tokens, 5).tolist() == [[[40, 33, 0, 0, 0]]]
    assert token_ids(tokens, 2).tolist() == [[[40, 33]]]


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
