from typing import Any

import pytest
import torch

from past.base.errors import ConfigError
from past.models.past.cell_encoder import CellEncoder
from past.models.past.vocabulary import PADDING

GENES, LENGTH = 40, 7
CONTEXT_TOKENS = torch.tensor([[4, 9, 5], [4, 9, 6]])


def transformer(**changes: Any) -> CellEncoder:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"context": 12, "width": 8, "layers": 2, "heads": 2, "feedforward": 16}
    return CellEncoder(GENES, **(sizes | changes)).eval()


def cells() -> tuple[torch.Tensor, torch.Tensor]:
    """Two cells, of 7 genes and of 4."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.stack([30 + torch.randperm(10, generator=generator)[:LENGTH] for _ in range(2)])
    values = torch.rand(2, LENGTH, generator=generator)
    tokens[1, 4:], values[1, 4:] = PADDING, 0
    return tokens, values


def test_padding_changes_nothing() -> None:
    tokens, values = cells()
    encoder, wider = transformer(), torch.full((2, 2), PADDING)
    longer = torch.cat([tokens, wider], 1), torch.cat([values, torch.zeros(2, 2)], 1)
    torch.testing.assert_close(encoder(*longer, CONTEXT_TOKENS), encoder(tokens, values, CONTEXT_TOKENS))
    torch.testing.assert_close(encoder.node_features(*longer), encoder.node_features(tokens, values))


def test_a_cell_without_genes_is_finite_and_learns() -> None:
    encoder = transformer()
    tokens, values = torch.full((2, LENGTH), PADDING), torch.zeros(2, LENGTH)
    out = encoder(tokens, values, CONTEXT_TOKENS) + encoder.node_features(tokens, values)
    out.sum().backward()
    gradient = encoder.tokens.weight.grad
    assert out.isfinite().all()
    assert gradient is not None
    assert gradient.isfinite().all()
    assert (gradient[PADDING] == 0).all()


def test_the_published_mean_counts_padding_up_to_the_context() -> None:
    tokens, values = cells()
    published = transformer(pool="mean_with_padding")
    wider = torch.full((2, 2), PADDING)
    longer = torch.cat([tokens, wider], 1), torch.cat([values, torch.zeros(2, 2)], 1)
    out = published(tokens, values, CONTEXT_TOKENS)
    torch.testing.assert_close(out, published(*longer, CONTEXT_TOKENS))
    assert not torch.allclose(out, transformer()(tokens, values, CONTEXT_TOKENS))


def test_a_sentence_is_cut_to_the_context() -> None:
    tokens, values = cells()
    short = transformer(context=6)
    torch.testing.assert_close(
        short(tokens, values, CONTEXT_TOKENS), short(tokens[:, :3], values[:, :3], CONTEXT_TOKENS)
    )


def test_the_transformer_reads_the_order_of_genes() -> None:
    tokens, values = cells()
    out = transformer()(tokens[:1], values[:1], CONTEXT_TOKENS[:1])
    assert not torch.allclose(out, transformer()(tokens[:1].flip(1), values[:1], CONTEXT_TOKENS[:1]), atol=1e-4)


def test_several_cells_at_once_are_nodes() -> None:
    tokens, values = cells()
    encoder = transformer()
    nodes = encoder.node_features(tokens[None], values[None])
    assert nodes.shape == (1, 2, 8)
    torch.testing.assert_close(nodes[0], encoder.node_features(tokens, values))


def test_settings_that_cannot_work_are_named() -> None:
    with pytest.raises(ConfigError, match="heads=3"):
        transformer(heads=3)
    with pytest.raises(ConfigError, match="pool='max'"):
        transformer(pool="max")


@pytest.mark.parametrize("key", ["context", "width", "layers", "heads", "feedforward"])
def test_no_size_is_0(key: str) -> None:
    with pytest.raises(ConfigError, match=f"cell_encoder.{key}=0: give a whole number of 1 or more"):
        transformer(**{key: 0})
