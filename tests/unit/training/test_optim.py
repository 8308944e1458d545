from itertools import pairwise

import pytest
import torch
from torch import nn

from past.base.errors import ConfigError
from past.training.optim import Optim, adamw, parameter_groups, warmup_cosine
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


def test_rate_rises_linearly_then_falls_to_its_minimum() -> None:
    optim = Optim(lr=1.0, min_lr=0.01, warmup=0.1)
    seen = [warmup_cosine(update, 100, optim) for update in range(101)]
    assert seen[:10] == pytest.approx([(i + 1) / 11 for i in range(10)])
    assert max(seen) == seen[10] == 1.0
    assert all(earlier > later for earlier, later in pairwise(seen[10:]))
    assert seen[100] == pytest.approx(0.01)


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


@pytest.mark.parametrize(("settings", "named"), [({"warmup": 1.5}, "warmup=1.5"), ({"min_lr": 1.0}, "min_lr=1.0")])
def test_settings_that_cannot_work_are_named(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Optim(**settings)


def test_another_number_of_ranks_keeps_the_schedules_place(caplog: pytest.LogCaptureFixture) -> None:
    optim = Optim(lr=1.0, min_lr=0.01, warmup=0.0)
    eight, four = (adamw(Towers(), optim, Length(20 * per_epoch, per_epoch)) for per_epoch in (100, 200))
    eight[1].last_epoch = 1_000  # half way
    four[1].load_state_dict(eight[1].state_dict())
    assert four[1].last_epoch == 2_000
    assert "an epoch has 200 updates, 100 before" in caplog.text
    longer = adamw(Towers(), optim, Length(40 * 200, 200))[1]
    longer.load_state_dict(four[1].state_dict())  # more epochs: a longer cosine, the same updates made
    assert longer.last_epoch == 2_000
