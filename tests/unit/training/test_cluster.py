import pytest

from past.training.cluster import cluster_plugins

SRUN = {
    "SLURM_JOB_ID": "7", "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2",
    "SLURM_PROCID": "3", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
    "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_JOB_NAME": "interactive",
}  # fmt: skip


def test_ranks_are_sruns_and_lightning_does_not_requeue(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SRUN.items():
        monkeypatch.setenv(name, value)
    (environment,) = cluster_plugins()
    assert (environment.world_size(), environment.global_rank(), environment.local_rank()) == (4, 3, 1)
    assert environment.auto_requeue is False


def test_elsewhere_lightning_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SRUN:
        monkeypatch.delenv(name, raising=False)
    assert cluster_plugins() == []
