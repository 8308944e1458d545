"""What the entry point makes of a training that diverges; all else it does is tested with whole trainings."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

import past.train as entry
from past.base.errors import TrainingError


def diverge(*_: Any, **options: Any) -> None:
    raise TrainingError("update 7: the loss is not finite")


@pytest.fixture
def diverging(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    told = SimpleNamespace(mode=request.param, job=SimpleNamespace(num=0))
    monkeypatch.setattr(HydraConfig, "get", lambda: told)
    monkeypatch.setattr(entry, "train", diverge)
    return entry._main.__wrapped__  # type: ignore[attr-defined]


@pytest.mark.parametrize("diverging", [RunMode.RUN], indirect=True)
def test_alone_it_ends_the_program_with_its_sentence(diverging: Any) -> None:
    with pytest.raises(SystemExit, match=r"^error: update 7: the loss is not finite$"):
        diverging(None)


@pytest.mark.parametrize("diverging", [RunMode.MULTIRUN], indirect=True)
def test_in_a_sweep_it_counts_as_the_worst_and_the_others_go_on(
    diverging: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert diverging(None) == -math.inf
    assert "error: update 7: the loss is not finite" in caplog.text
