from itertools import pairwise

import pytest
import torch
from torch import nn

from past.base.errors import ConfigError
from past.training.optim import Rate, WarmupCosine, warmup_cosine
from past.training.steps import Length


def schedule(rate: Rate, length: Length) -> WarmupCosine:
    return WarmupCosine(torch.optim.SGD(nn.Linear(1, 1).parameters(), rate.lr), rate, length)


def test_rate_rises_linearly_then_falls_to_its_minimum() -> None:
    rate = Rate(lr=1.0, min_lr=0.01, warmup=0.1)
    seen = [warmup_cosine(update, 100, rate) for update in range(101)]
    assert seen[:10] == pytest.approx([(i + 1) / 11 for i in range(10)])
    assert max(seen) == seen[10] == 1.0
    assert all(earlier > later for earlier, later in pairwise(seen[10:]))
    assert seen[100] == pytest.approx(0.01)


@pytest.mark.parametrize(("settings", "named"), [({"warmup": 1.5}, "warmup=1.5"), ({"min_lr": 1.0}, "min_lr=1.0")])
def test_settings_that_cannot_work_are_named(settings: dict[str, float], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        Rate(**settings)


def test_another_number_of_ranks_keeps_the_schedules_place(caplog: pytest.LogCaptureFixture) -> None:
    rate = Rate(lr=1.0, min_lr=0.01, warmup=0.0)
    eight, four = (schedule(rate, Length(20 * per_epoch, per_epoch)) for per_epoch in (100, 200))
    eight.last_epoch = 1_000  # half way
    four.load_state_dict(eight.state_dict())
    assert four.last_epoch == 2_000
    assert "an epoch has 200 updates, 100 before" in caplog.text
    longer = schedule(rate, Length(40 * 200, 200))
    longer.load_state_dict(four.state_dict())  # more epochs: a longer cosine, the same updates made
    assert longer.last_epoch == 2_000
