"""Shards behind an address with secrets: they train and are judged, and no file and no word of a run tells them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from http_server import Server, serving
from tiny_training import ROOT, composed, tiny

import past.evaluate as judge
import past.train as learn
from past.base.errors import DataError
from past.base.text.address import HELD
from past.cli.report import write_run_page

PASSWORD, SIGNATURE = "pa55word-of-the-user", "s1gnature-of-the-query"
SECRETS = (PASSWORD, SIGNATURE, "X-Amz", "someone", "c29tZW9uZTpwYTU1d29yZC1vZi10aGUtdXNlcg")


@pytest.fixture
def server(tissue: Path, training_environment: None, tmp_path: Path) -> Iterator[Server]:
    os.environ["HOME"] = str(tmp_path)
    os.environ.pop(HELD, None)
    with serving(tissue) as about:
        about.wants = f"X-Amz-Credential=AKIA%2F1&X-Amz-Signature={SIGNATURE}"
        yield about


def address(server: Server) -> str:
    return f"{server.url}?{server.wants}".replace("://", f"://someone:{PASSWORD}@")


def told(folder: Path) -> list[str]:
    """Files below a folder that hold a secret, as text, in a name or among other bytes."""
    found = []
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        found += [f"{path}: {secret}" for secret in SECRETS if secret.encode() in content or secret in str(path)]
    return found


def test_a_run_keeps_its_address_without_the_secrets(
    server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    os.environ["PAST_RUN_ID"] = "one"
    root = tmp_path / "runs"
    run = root / "tiny" / "one"

    def train() -> bytes:
        words = tiny("later", root, "one", "trainer.max_epochs=1", f"data.cache={tmp_path / 'cache'}")
        config = composed("train", *words)
        config.data.root = address(server)
        learn.train(config)
        return (run / "config.yaml").read_bytes()

    first = train()
    assert yaml.safe_load(first)["data"]["root"] == server.url
    assert train() == first, "the same address, typed again, is the same setting"
    del os.environ[HELD]  # another process, another day
    asked = (f"output_root={root}", "name=tiny", "run_id=one", "ckpt=last", "task=retrieval")
    with pytest.raises(
        DataError, match=r"index.json: 403 Forbidden: .*; a run keeps its address without user, password"
    ):
        judge.evaluate(composed("evaluate", *asked, f"data.root={server.url}"))
    again = composed("evaluate", *asked)
    again.data.root = address(server)
    again.data.cache = str(tmp_path / "cache")
    judge.evaluate(again)
    write_run_page(run)
    assert server.url in (run / "results" / "retrieval.origin.json").read_text()
    assert told(tmp_path) == []
    said = caplog.text + "".join(capfd.readouterr())
    assert not [secret for secret in SECRETS if secret in said]


@pytest.mark.slow
def test_a_sweep_with_wandb_tells_no_secret(server: Server, tmp_path: Path) -> None:
    """Also not in what Hydra keeps of a sweep, and in what wandb records of a command line."""
    words = tiny(address(server), tmp_path / "runs", "one", "trainer.max_steps=2", "logger=wandb", "seed=1,2")
    command = [sys.executable, ROOT / "train.py", "-m", *words, f"data.cache={tmp_path}/cache"]
    passed = {name: value for name, value in os.environ.items() if name not in ("PAST_RUN_ID", "WANDB_MODE")}
    done = subprocess.run(command, env=passed, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert list(tmp_path.rglob("multirun.yaml"))
    assert len(list(tmp_path.rglob("*.wandb"))) == 2, "each training is a run of its own"
    assert told(tmp_path) == []
    assert not [secret for secret in SECRETS if secret in done.stdout + done.stderr]
