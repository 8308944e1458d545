import pytest
import torch

from past.models.dropout import Dropout, draw_keep


def test_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    ones = torch.ones(301, 1001)
    dropped = Dropout(0.1)(ones)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.002)
    assert dropped.mean().item() == pytest.approx(1, abs=0.002)
    neighbours = (dropped[:, 1:] == 0) & (dropped[:, :-1] == 0)
    assert neighbours.float().mean().item() == pytest.approx(0.01, abs=0.001)  # those of one draw are independent


def test_off_outside_training_and_at_zero() -> None:
    x = torch.randn(3, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_the_same_generator_draws_the_same() -> None:
    x = torch.randn(7, 5)
    one, two = (draw_keep(x, 0.3, torch.Generator().manual_seed(1))[0] for _ in range(2))
    assert torch.equal(one, two)
