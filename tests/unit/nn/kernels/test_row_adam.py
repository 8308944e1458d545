import copy

import numpy as np
import pytest
import torch

from past.models.stpath.gene_embedding import GeneTable
from past.nn.kernels.row_adam import RowAdam, gauss
from past.training.norms import clip_to_norm

ROWS, WIDTH = 40, 6


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = GeneTable(ROWS, WIDTH)
        self.scale = torch.nn.Linear(WIDTH, 1)

    def forward(self, genes: torch.Tensor) -> torch.Tensor:
        return self.scale(self.table(genes))


def steps(count: int, seed: int = 0) -> list[tuple[torch.Tensor, float, float]]:
    """Rows, size of the gradient and learning rate of each step; row 0 is touched once, early, others rarely."""
    rng = np.random.default_rng(seed)
    rare = np.r_[np.full(ROWS // 2, 1.0), np.full(ROWS - ROWS // 2, 0.01)]
    rare[0] = 0
    chosen = [rng.choice(ROWS, 3, replace=False, p=rare / rare.sum()) for _ in range(count)]
    chosen[1] = np.array([0, 1, ROWS - 1])
    rates = 1e-2 * (1 + np.cos(np.arange(count) / count * np.pi)) / 2
    return [
        (torch.from_numpy(rows), 10.0 ** -rng.integers(0, 9), float(rate))
        for rows, rate in zip(chosen, rates, strict=True)
    ]


def train(model: Model, optimizer: torch.optim.Optimizer, plan: list[tuple[torch.Tensor, float, float]]) -> None:
    for rows, size, rate in plan:
        optimizer.param_groups[0]["lr"] = rate

        def closure(rows: torch.Tensor = rows, size: float = size) -> float:
            optimizer.zero_grad()
            loss = model(rows).sum() * size
            loss.backward()
            return loss.item()

        assert isinstance(optimizer.step(closure), float)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("count", [3, 60, 700])
def test_weights_and_state_are_adams(count: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.nn.kernels.row_adam.REMEMBERED", 400)
    torch.manual_seed(0)
    dense = Model().to(dtype)
    rowwise = copy.deepcopy(dense)
    adam = torch.optim.Adam(dense.parameters())
    ours = RowAdam(rowwise.parameters(), [rowwise.table])
    train(dense, adam, steps(count))
    train(rowwise, ours, steps(count))
    tolerance = {"rtol": 1e-8, "atol": 1e-10} if dtype == torch.float64 else {"rtol": 1e-4, "atol": 1e-5}
    for name, weight in rowwise.state_dict().items():
        torch.testing.assert_close(weight, dense.state_dict()[name], **tolerance)
    for key, state in ours.state_dict()["state"].items():
        for name, value in state.items():
            torch.testing.assert_close(value, adam.state_dict()["state"][key][name], **tolerance)


def test_a_row_that_is_read_is_up_to_date() -> None:
    torch.manual_seed(0)
    dense = Model().double()
    rowwise = copy.deepcopy(dense)
    train(dense, torch.optim.Adam(dense.parameters()), steps(50))
    train(rowwise, RowAdam(rowwise.parameters(), [rowwise.table]), steps(50))
    rows = torch.tensor([0, 5, ROWS - 1])
    assert not torch.allclose(rowwise.table.weight, dense.table.weight, rtol=1e-9)  # some rows wait
    torch.testing.assert_close(rowwise(rows), dense(rows), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("to_adam", [True, False])
def test_goes_on_from_the_state_of_either(to_adam: bool) -> None:
    torch.manual_seed(0)
    plan = steps(80)
    straight = Model().double()
    first, second = copy.deepcopy(straight), copy.deepcopy(straight)
    train(straight, torch.optim.Adam(straight.parameters()), plan)
    before: torch.optim.Optimizer = torch.optim.Adam(first.parameters())
    after: torch.optim.Optimizer = RowAdam(second.parameters(), [second.table])
    if to_adam:
        first, second, before, after = second, first, after, before
    train(first, before, plan[:40])
    second.load_state_dict(first.state_dict())
    after.load_state_dict(copy.deepcopy(before.state_dict()))
    train(second, after, plan[40:])
    torch.testing.assert_close(second.state_dict()["table.weight"], straight.table.weight.data, rtol=1e-8, atol=1e-10)


def test_gradients_are_clipped_as_dense_ones_are() -> None:
    torch.manual_seed(0)
    model, rows = Model(), torch.tensor([1, 4, 7])
    model(rows).sum().backward()
    dense = clip_to_norm(model.parameters(), 0.1)
    expected = model.table.weight.grad
    model.zero_grad()
    model.table.sparse_gradient = True
    model(rows).sum().backward()
    torch.testing.assert_close(clip_to_norm(model.parameters(), 0.1), dense)
    torch.testing.assert_close(model.table.weight.grad.to_dense(), expected)


def test_quadrature_integrates_polynomials_exactly() -> None:
    rng = np.random.default_rng(0)
    points, weights = rng.random((3, 20)) + 1, rng.random((3, 20))
    nodes, sums = gauss(points, weights, 4)
    for degree in range(8):
        np.testing.assert_allclose((sums * nodes**degree).sum(1), (weights * points**degree).sum(1), rtol=1e-12)
    few = np.array([[2.0, 2.0, 5.0]])
    nodes, sums = gauss(few, np.array([[1.0, 1.0, 3.0]]), 3)
    np.testing.assert_allclose((sums / nodes).sum(), 1 + 3 / 5, rtol=1e-12)
