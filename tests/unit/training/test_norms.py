import pytest
import torch
from torch import nn

from past.training.norms import clip_to_norm, is_finite, total_norm


def test_the_norm_is_that_of_all_in_one_row() -> None:
    tensors = [torch.rand(3, 2), torch.rand(5)]
    assert total_norm(tensors).item() == pytest.approx(
        torch.cat([tensor.flatten() for tensor in tensors]).norm().item()
    )


def with_gradient(gradient: torch.Tensor) -> nn.Parameter:
    weight = nn.Parameter(torch.zeros(gradient.shape))
    weight.grad = gradient
    return weight


def test_sparse_gradients_count_and_are_clipped_as_what_they_stand_for() -> None:
    sparse = torch.sparse_coo_tensor(torch.tensor([[2, 0, 2]]), torch.ones(3, 2), (4, 2), check_invariants=True)
    norm = (2 * 2**2 + 2 * 1**2 + 3 * 4**2) ** 0.5  # row 2 occurs twice
    given = [with_gradient(sparse), with_gradient(torch.full((3,), 4.0)), nn.Parameter(torch.zeros(2))]
    assert clip_to_norm(given, 100.0).item() == pytest.approx(norm)
    assert given[0].grad is not None
    torch.testing.assert_close(given[0].grad.to_dense()[:, 0], torch.tensor([1.0, 0.0, 2.0, 0.0]))
    assert clip_to_norm(given, 1.0).item() == pytest.approx(norm)
    assert total_norm([weight.grad for weight in given if weight.grad is not None]).item() == pytest.approx(1, 1e-5)
    torch.testing.assert_close(given[0].grad.to_dense()[:, 0] * norm, torch.tensor([1.0, 0.0, 2.0, 0.0]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_one_weight_that_is_no_number_is_found(bad: float) -> None:
    layer = nn.Linear(3, 2)
    assert is_finite(layer)
    with torch.no_grad():
        layer.weight[1, 2] = bad
    assert not is_finite(layer)
