"""Weights & Biases without a key, without a server, or with a key that is refused: offline, said once."""

import logging
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb

from past.training.weights_and_biases import WeightsAndBiases

KEY = "a" * 40


class Begun:
    """Stands in for `wandb.init`: it refuses to go online with `error`, and keeps what it was asked."""

    def __init__(self, error: Exception | None) -> None:
        self.error, self.modes, self.options = error, [], {}
        self.torn = 0
        self.ended: list[int] = []

    def __call__(self, **options: Any) -> Any:
        self.modes.append(os.environ.get("WANDB_MODE", "online"))
        self.options = options
        if self.error is not None and self.modes[-1] == "online":
            raise self.error
        return SimpleNamespace(log=lambda values: None, id="run", finish=lambda exit_code: self.ended.append(exit_code))

    def teardown(self, exit_code: int) -> None:
        self.torn += 1


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Begun:
    begun = Begun(None)
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setattr(wandb, "init", begun)
    monkeypatch.setattr(wandb, "teardown", begun.teardown)
    return begun


def used(**options: Any) -> WeightsAndBiases:
    logger = WeightsAndBiases(project="past", id="run", log_model=False, **options)
    for step in range(3):
        logger.log_metrics({"loss": 1.0}, step)
    return logger


def test_without_a_key_it_is_offline_and_says_so_once(begun: Begun, caplog: pytest.LogCaptureFixture) -> None:
    used(offline=False)
    assert begun.modes == ["dryrun"]
    (said,) = [record for record in caplog.records if record.name == "past.training.weights_and_biases"]
    assert said.levelno == logging.WARNING
    assert said.message == (
        "Weights & Biases is offline (no API key: 'wandb login', or export WANDB_API_KEY): "
        "send it later with 'wandb sync'"
    )


@pytest.mark.parametrize(
    "error",
    [
        wandb.errors.CommError("no answer from http://me:secret@h/graphql\nafter 3 s"),
        wandb.errors.UsageError("bad key"),
    ],
)
def test_without_a_server_it_is_offline(
    begun: Begun, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://me:secret@h")
    begun.error = error
    used(offline=False)
    assert begun.modes == ["online", "dryrun"]
    assert begun.torn == 1
    assert caplog.text.count("Weights & Biases is offline") == 1
    assert "secret" not in caplog.text


def test_a_key_in_netrc_is_one(begun: Begun, tmp_path: Path) -> None:
    host = wandb.setup().settings.base_url.split("//")[1]
    (tmp_path / "netrc").write_text(f"machine {host} login user password {KEY}\n")
    used(offline=False)
    assert begun.modes == ["online"]


def test_it_waits_within_bounds(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    used(offline=False, timeout=7.0)
    settings = begun.options["settings"]
    assert settings.init_timeout == 7.0
    assert getattr(settings, "finish_timeout", 28.0) == 28.0


@pytest.mark.parametrize(("offline", "mode"), [(True, "dryrun"), (False, "disabled"), (False, "offline")])
def test_what_is_offline_by_wish_needs_no_word(
    begun: Begun, offline: bool, mode: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    used(offline=offline)
    assert begun.modes == [mode]
    assert not caplog.records


def test_each_training_of_a_process_has_a_run_of_its_own(begun: Begun) -> None:
    used(offline=True).finalize("success")
    used(offline=True).finalize("failed")
    assert begun.ended == [0, 1]
    assert len(begun.modes) == 2
