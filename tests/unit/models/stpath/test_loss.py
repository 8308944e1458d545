import pytest
import torch

from past.models.stpath.batch import ScoredSlide
from past.models.stpath.loss import masked_expression


def test_every_pair_of_every_slide_weighs_the_same() -> None:
    hidden = torch.tensor([[1.0], [2.0], [3.0]], requires_grad=True)
    asked: list[tuple[int, list[int]]] = []

    def head(spots: torch.Tensor, genes: torch.Tensor) -> torch.Tensor:
        asked.append((len(spots), genes.tolist()))
        return spots * genes

    scored = (
        ScoredSlide(torch.tensor([0]), torch.tensor([2, 4]), torch.tensor([[1.0, 4.0]])),  # errors 1, 0
        ScoredSlide(torch.tensor([1, 2]), torch.tensor([3]), torch.tensor([[4.0], [8.0]])),  # errors 2, 1
    )
    loss = masked_expression(hidden, head, scored)
    assert loss.item() == pytest.approx((1 + 0 + 4 + 1) / 4)
    assert asked == [(1, [2, 4]), (2, [3])]
    loss.backward()
    assert hidden.grad is not None
    assert hidden.grad.flatten().tolist() == pytest.approx([2 * 1 * 2 / 4, 2 * 2 * 3 / 4, 2 * 1 * 3 / 4])
