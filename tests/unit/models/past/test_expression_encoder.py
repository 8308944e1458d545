import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from past.base.errors import ConfigError
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.vocabulary import PADDING

GENES, LENGTH = 40, 7
CONTEXT_TOKENS = torch.tensor([[4, 9, 5], [4, 9, 6]])


def cells() -> tuple[torch.Tensor, torch.Tensor]:
    """Two cells, of 7 genes and of 4."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.stack([30 + torch.randperm(10, generator=generator)[:LENGTH] for _ in range(2)])
    values = torch.rand(2, LENGTH, generator=generator)
    tokens[1, 4:], values[1, 4:] = PADDING, 0
    return tokens, values


def expression() -> ExpressionEncoder:
    encoder = ExpressionEncoder(GENES, width=8)
    encoder.fit(training_cells())
    return encoder


def training_cells(cells: int = 50, seed: int = 3) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Cells of 4 to 7 of the 10 genes, in two batches."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.stack([30 + torch.randperm(10, generator=generator)[:LENGTH] for _ in range(cells)])
    values = torch.rand(cells, LENGTH, generator=generator) * torch.linspace(1, 3, 10)[tokens - 30]
    missing = torch.arange(LENGTH) >= torch.randint(4, 8, (cells, 1), generator=generator)
    tokens, values = tokens.masked_fill(missing, PADDING), values.masked_fill(missing, 0)
    return [(tokens[:20], values[:20]), (tokens[20:], values[20:])]


def dense(tokens: torch.Tensor, values: torch.Tensor) -> np.ndarray:
    return torch.zeros(len(tokens), GENES).scatter_add(1, tokens, values).double().numpy()


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(LENGTH)))
def test_the_order_of_genes_does_not_matter(order: list[int]) -> None:
    tokens, values = cells()
    encoder = expression()
    permuted = encoder(tokens[:, order], values[:, order], CONTEXT_TOKENS)
    torch.testing.assert_close(permuted, encoder(tokens, values, CONTEXT_TOKENS), rtol=1e-4, atol=1e-5)


def test_components_are_sklearns_up_to_sign_and_scale() -> None:
    x = np.concatenate([dense(*batch) for batch in training_cells()])
    pca = PCA(8, svd_solver="full").fit(x)
    held_out = training_cells(seed=4)[0]

    def half_whitened(values: np.ndarray) -> np.ndarray:
        return pca.transform(values) / np.sqrt(pca.singular_values_)

    expected = half_whitened(dense(*held_out)) / np.sqrt(half_whitened(x).var(axis=0, ddof=1).mean())
    found = expression().node_features(*held_out).numpy()
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, atol=1e-4)


def test_over_the_training_cells_components_have_mean_0_and_variance_1_on_average() -> None:
    found = torch.cat([expression().node_features(*batch) for batch in training_cells()])
    torch.testing.assert_close(found.mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    assert found.var(0).mean().item() == pytest.approx(1, abs=1e-4)
    assert (found.var(0).diff() < 0).all()


def test_a_cell_without_genes_is_minus_the_mean_cell() -> None:
    encoder = expression()
    empty = encoder.node_features(torch.full((1, LENGTH), PADDING), torch.zeros(1, LENGTH))
    torch.testing.assert_close(empty[0], -encoder.centre)
    assert list(encoder.parameters()) == []


def test_more_components_than_cells_vary_in_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"cell_encoder\.width=8: .* of 8 training cells; use a width below 8"):
        ExpressionEncoder(GENES, width=8).fit([(tokens[:4], values[:4]) for tokens, values in training_cells()])


def test_padding_changes_nothing() -> None:
    tokens, values = cells()
    encoder, wider = expression(), torch.full((2, 2), PADDING)
    longer = torch.cat([tokens, wider], 1), torch.cat([values, torch.zeros(2, 2)], 1)
    torch.testing.assert_close(encoder(*longer, CONTEXT_TOKENS), encoder(tokens, values, CONTEXT_TOKENS))
    torch.testing.assert_close(encoder.node_features(*longer), encoder.node_features(tokens, values))


def test_several_cells_at_once_are_nodes() -> None:
    tokens, values = cells()
    encoder = expression()
    nodes = encoder.node_features(tokens[None], values[None])
    assert nodes.shape == (1, 2, 8)
    torch.testing.assert_close(nodes[0], encoder.node_features(tokens, values))
