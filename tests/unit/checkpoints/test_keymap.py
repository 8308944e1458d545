import pytest
import torch
from torch import nn

from past.base.errors import CheckpointError
from past.checkpoints.keymap import Rule, apply_keymap

RULES: tuple[Rule, ...] = (
    (r"old\.(\d+)\.w", r"\1.weight"),
    (r"old\.(\d+)\.b", r"\1.bias"),
    (r"training\..*", None),
    (r"old\..*", "never reached by the first two"),
)


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 1))


def state() -> dict[str, torch.Tensor]:
    return {
        "old.0.w": torch.tensor([[1.0, 2.0]]),
        "old.0.b": torch.tensor(3.0),  # a number alone
        "old.1.w": torch.tensor([[4.0]]),
        "1.bias": torch.tensor([5.0]),  # under our own name
        "training.step": torch.tensor(9),
    }


def test_every_name_is_brought_to_its_place_by_the_first_rule_that_matches() -> None:
    fit = apply_keymap(state(), model(), RULES).raise_if_incomplete("file")
    assert {name: value.tolist() for name, value in fit.state.items()} == {
        "0.weight": [[1.0, 2.0]], "0.bias": [3.0], "1.weight": [[4.0]], "1.bias": [5.0],
    }  # fmt: skip
    assert fit.unused == ["training.step"]


def test_a_model_without_weights_will_do() -> None:
    with torch.device("meta"):
        empty = model()
    assert len(apply_keymap(state(), empty, RULES).raise_if_incomplete("file").state) == 4


@pytest.mark.parametrize("second", ["0.weight", "old.00.w"])
def test_a_second_name_for_one_parameter_is_left_over(second: str) -> None:
    rules = ((r"old\.0+\.w", "0.weight"), *RULES)
    fit = apply_keymap(state() | {second: torch.zeros(1, 2)}, model(), rules)
    assert fit.leftover == [second]
    assert fit.state["0.weight"].tolist() == [[1.0, 2.0]]


def test_what_no_rule_and_no_parameter_fits_is_left_over() -> None:
    fit = apply_keymap(state() | {"wings": torch.zeros(1)}, model(), RULES)
    with pytest.raises(CheckpointError, match=r"1 not known \(wings\)"):
        fit.raise_if_incomplete("file")
