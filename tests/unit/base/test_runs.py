import errno
import fcntl
import os
import signal
from pathlib import Path

import pytest
from torch.distributed import TCPStore

from past.base.errors import ConfigError
from past.base.runs import (
    RUN_ID,
    UNSET,
    Run,
    agree_on_run_id,
    changes,
    may_change,
    newest_run,
    what_to_give,
)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_ID, "placeholder")  # so that what the test sets is undone
    for name in ("SLURM_PROCID", "SLURM_JOB_ID", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_processes_that_this_one_starts_inherit_the_id() -> None:
    chosen = agree_on_run_id(None)
    assert os.environ[RUN_ID] == chosen
    assert agree_on_run_id("mine") == "mine"


def test_two_runs_choose_different_ids() -> None:
    assert agree_on_run_id(None) != agree_on_run_id(None)


def test_the_runs_of_a_sweep_have_their_own_ids_and_leave_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_ID)
    assert [agree_on_run_id("mine", job) for job in (0, 1)] == ["mine-0", "mine-1"]
    assert RUN_ID not in os.environ


def test_a_slurm_job_is_its_own_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_PROCID", "3")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert agree_on_run_id(None) == "4711"


@pytest.mark.parametrize("bad", ["a/b", "..", "", "a b"])
def test_a_name_that_is_no_folder_is_refused(bad: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run_id="):
        Run(tmp_path, "demo", bad)


def test_the_newest_run_is_found_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with pytest.raises(ConfigError, match="no run in"):
        newest_run(tmp_path, "demo")
    for age, name in enumerate(("new", "old")):
        run = Run(tmp_path, "demo", name)
        run.directory.mkdir(parents=True)
        run.config.write_text("seed: 1\n")
        os.utime(run.config, (1000 - age, 1000 - age))
    assert newest_run(tmp_path, "demo").directory.name == "new"
    assert caplog.messages == [f"{tmp_path}/demo/new: the newest of 2 named demo is taken; run_id= names another"]


def test_after_a_restart_the_ranks_meet_in_a_new_store(monkeypatch: pytest.MonkeyPatch) -> None:
    agents = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    agents.set("an address of", "a process that is gone")
    told = {"MASTER_ADDR": "127.0.0.1", "WORLD_SIZE": "2", "RANK": "0", "TORCHELASTIC_RUN_ID": "test"}
    for name, value in (told | {"MASTER_PORT": str(agents.port)}).items():
        monkeypatch.setenv(name, value)
    lives = []
    for life in ("0", "1"):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", life)
        lives.append((agree_on_run_id(None), int(os.environ["MASTER_PORT"])))
    (first, old), (second, new) = lives
    assert first == second
    assert old == agents.port
    assert not TCPStore("127.0.0.1", new, is_master=False).check(["an address of"])
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("MASTER_PORT", str(old))
    assert agree_on_run_id(None) == first
    assert os.environ["MASTER_PORT"] == str(new)


def test_one_training_at_a_time(tmp_path: Path) -> None:
    run = Run(tmp_path, "demo", "one")
    with run.claimed():
        run.config.touch()
        with (
            pytest.raises(ConfigError, match=rf"demo/one is being trained already \(process {os.getpid()} on"),
            run.claimed(),
        ):
            pass
        worker = os.fork()  # what a loader's worker inherits must not keep the run taken
        if worker == 0:
            signal.pause()
    try:
        with run.claimed():
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    assert run.config.is_file()


def test_a_directory_in_which_nothing_was_written_goes_again(tmp_path: Path) -> None:
    run = Run(tmp_path, "demo", "one")
    with pytest.raises(RuntimeError), run.claimed():
        raise RuntimeError
    assert not run.directory.exists()


def test_without_locks_nobody_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    run = Run(tmp_path, "demo", "one")
    with run.claimed(), run.claimed():
        assert run.directory.is_dir()


def test_what_is_set_otherwise_is_named(tmp_path: Path) -> None:
    before = {"optim": {"lr": 0.1, "betas": [0.9, 0.95]}, "niche": None, "old": 1, "seed": 1}
    now = {"optim": {"lr": 0.2, "betas": [0.9, 0.95]}, "niche": {"hidden": 4}, "seed": 1, "new": 2}
    assert changes(before, now) == {
        "optim.lr": (0.1, 0.2), "niche": (None, {"hidden": 4}), "old": (1, UNSET), "new": (UNSET, 2),
    }  # fmt: skip
    assert [may_change(name) for name in ("callbacks.last.every", "trainer.devices", "trainer.devicess")] == [
        True, True, False,
    ]  # fmt: skip


def test_a_runs_checkpoints_are_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert what_to_give(tmp_path, "another") == "another"
    for name in ("best", "last"):
        (tmp_path / "checkpoints" / f"{name}.ckpt").touch()
    both = f"{tmp_path}/checkpoints/best.ckpt or {tmp_path}/checkpoints/last.ckpt"
    assert what_to_give(tmp_path, "another") == what_to_give(tmp_path / "checkpoints" / "none.ckpt", "another") == both


@pytest.mark.parametrize("given", [{"WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "x"}, {"WORLD_SIZE": "2"}])
def test_only_several_processes_of_torchrun_ask_each_other(
    given: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert agree_on_run_id("mine") == "mine"
