import pytest
import torch
from torch import nn

from past.models.past.optim import Optim, adamw, parameter_groups
from past.training.steps import Length


class Towers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.image_encoder = nn.Linear(3, 2)
        self.cell_encoder = nn.Linear(3, 2)


def rates(updates: int, optim: Optim) -> list[dict[str, float]]:
    model = Towers()
    optimizer, schedule = adamw(model, optim, Length(updates))
    seen = []
    for _ in range(updates):
        seen.append({group["name"]: group["lr"] for group in optimizer.param_groups})
        model.cell_encoder(torch.ones(1, 3)).sum().backward()
        optimizer.step()
        schedule.step()
    return seen


def test_the_image_encoder_keeps_its_own_rate_at_every_update() -> None:
    for seen in rates(50, Optim(image_encoder_factor=0.1)):
        assert seen["image_encoder"] == pytest.approx(0.1 * seen["rest"])


def test_every_parameter_is_in_one_group_and_only_matrices_decay() -> None:
    model = Towers()
    groups = parameter_groups(model, Optim(weight_decay=0.3))
    members = [parameter for group in groups for parameter in group["params"]]
    assert {id(p) for p in members} == {id(p) for p in model.parameters()}
    assert len(members) == 4
    for group in groups:
        assert all((p.ndim >= 2) == (group["weight_decay"] == 0.3) for p in group["params"])


def test_published_decay_spares_nothing() -> None:
    assert {group["weight_decay"] for group in parameter_groups(Towers(), Optim(decay_all=True))} == {2e-2}


def test_frozen_parameters_are_left_out() -> None:
    model = Towers()
    model.image_encoder.requires_grad_(False)
    assert {group["name"] for group in parameter_groups(model, Optim())} == {"rest", "rest_no_decay"}
