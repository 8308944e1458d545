import torch
import torch.nn.functional as F

from past.models.past.niche_encoder import GraphAttention, NicheEncoder, token_ids
from past.models.past.vocabulary import PADDING

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


def test_the_cells_own_node_is_read_out_of_two_layers() -> None:
    made = encoder()
    inner = F.relu(made.norms[0](made.layers[0](nodes(), VALID)))
    torch.testing.assert_close(made(nodes(), VALID), made.norms[1](made.layers[1](inner, VALID))[:, 0])
