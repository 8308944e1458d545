import pytest
import torch

from past.models.stpath.batch import SparseExpression
from past.models.stpath.gene_embedding import ExpressionEmbedding, GeneHead, GeneTable
from past.models.stpath.vocabulary import MASK


def sparse(dense: torch.Tensor) -> SparseExpression:
    rows, genes = dense.nonzero(as_tuple=True)
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), torch.bincount(rows, minlength=len(dense)).cumsum(0)])
    return SparseExpression(genes, dense[rows, genes], offsets)


def two_slides() -> SparseExpression:
    """Eleven spots: three masked, one in which nothing was found, one in which one gene was."""
    generator = torch.Generator().manual_seed(0)
    dense = torch.rand(11, 30, generator=generator) * (torch.rand(11, 30, generator=generator) < 0.3)
    dense[2:8] = dense[2:8] * 0
    dense[2:5, MASK] = 1
    dense[5, [4, 8]] = 0.5
    dense[7, 9] = 0.7
    return sparse(dense)


def tiny() -> ExpressionEmbedding:
    torch.manual_seed(1)
    return ExpressionEmbedding(30, 16)


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have told spots pass three at a time."""
    monkeypatch.setattr("past.models.stpath.gene_embedding.SPOTS_AT_ONCE", 3)


@pytest.mark.usefixtures("few_rows")
def test_sparse_expression_equals_a_dense_linear_map() -> None:
    embedding, expression = tiny(), two_slides()
    rows = torch.repeat_interleave(torch.arange(11), expression.offsets.diff())
    dense = torch.zeros(11, 30).index_put((rows, expression.genes), expression.values)
    torch.testing.assert_close(embedding(expression), dense @ embedding.table.weight)


def test_expression_is_summed_in_the_tables_type_under_autocast() -> None:
    embedding = tiny()
    plain = embedding(two_slides())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = embedding(two_slides())
    assert mixed.dtype == torch.float32
    assert torch.equal(mixed, plain)


@pytest.mark.usefixtures("few_rows")
def test_gradients_of_sparse_expression_are_those_of_the_dense_map() -> None:
    embedding, expression = tiny(), two_slides()
    rows = torch.repeat_interleave(torch.arange(11), expression.offsets.diff())
    dense = torch.zeros(11, 30).index_put((rows, expression.genes), expression.values)
    towards = torch.randn(11, 16, generator=torch.Generator().manual_seed(2))
    (found,) = torch.autograd.grad(embedding(expression), [embedding.table.weight], towards)
    torch.testing.assert_close(found, dense.T @ towards)


@pytest.mark.parametrize("genes", [[2, 5, 7], [7, 2, 5]])
def test_a_tables_sparse_gradient_is_the_dense_one(genes: list[int]) -> None:
    torch.manual_seed(0)
    table, asked, towards = GeneTable(9, 4), torch.tensor(genes), torch.randn(3, 4)
    (dense,) = torch.autograd.grad(table(asked), [table.weight], towards)
    table.sparse_gradient = True
    rows = table(asked)
    (found,) = torch.autograd.grad(rows, [table.weight], towards)
    assert torch.equal(rows, table.weight[asked])
    assert found.is_sparse
    assert found.is_coalesced() is (genes == sorted(genes))
    assert torch.equal(found.to_dense(), dense)


def test_the_head_is_norm_and_a_linear_map_of_the_asked_genes() -> None:
    torch.manual_seed(0)
    head, hidden, genes = GeneHead(9, 4), torch.randn(5, 4), torch.tensor([7, 3])
    torch.nn.init.normal_(head.bias)
    everything = head.norm(hidden) @ head.table.weight.T + head.bias
    torch.testing.assert_close(head(hidden, genes), everything[:, [7, 3]])
