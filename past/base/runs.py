"""A run's one directory, the same on all ranks: `<output_root>/<name>/<run_id>/`."""

import logging
import os
import re
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

from past.base.errors import ConfigError

RUN_ID = "PAST_RUN_ID"
log = logging.getLogger(__name__)


class Run:
    """Where a run keeps its files.

    Args:
        output_root: folder of all runs.
        name: the experiment's name.
        run_id: what tells this run from the others of that name.
    """

    def __init__(self, output_root: str | Path, name: str, run_id: str) -> None:
        for key, value in (("name", name), ("run_id", run_id)):
            if not re.fullmatch(r"[\w.+=,-]+", value) or value in (".", ".."):
                raise ConfigError(f"{key}={value!r}: use letters, digits and _ . + = , - only, it names a folder")
        self.directory = Path(output_root).expanduser().resolve() / name / run_id

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.directory / "config.yaml"

    @property
    def checkpoints(self) -> Path:
        """Folder of last.ckpt and best.ckpt."""
        return self.directory / "checkpoints"

    @property
    def results(self) -> Path:
        """Folder of result files."""
        return self.directory / "results"


def newest_run(output_root: str | Path, name: str) -> Run:
    """Return the run of `name` that was trained last, and log which it is: nobody named it.

    Raises:
        ConfigError: there is none.
    """
    folder = Path(output_root).expanduser().resolve() / name
    runs = [path.parent for path in folder.glob("*/config.yaml")]
    if not runs:
        raise ConfigError(f"no run in {folder}: train one with train.py, or name it by output_root=, name= and run_id=")
    newest = max(runs, key=lambda path: (path / "config.yaml").stat().st_mtime)
    log.info("%s: the newest of %d named %s is taken; run_id= names another", newest, len(runs), name)
    return Run(output_root, name, newest.name)


def agree_on_run_id(asked: str | None, job: int | None = None) -> str:
    """Return the run id that all ranks share: the asked one, SLURM's job, or the first rank's choice.

    Under torchrun the ranks agree through its store, which outlives `--max-restarts`, so that a restart finds
    the same directory. Processes that this one starts inherit the id.

    Args:
        asked: what the configuration says.
        job: number of this run in a sweep, whose runs share a process: the id ends in it, and is not inherited.

    Raises:
        ConfigError: two ranks were given different ids.
    """
    allocated = os.environ.get("SLURM_JOB_ID") if "SLURM_PROCID" in os.environ else None
    own = asked or allocated or f"{datetime.now():%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:4]}"
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "TORCHELASTIC_RUN_ID" in os.environ:
        agreed = _first_choice(own, f"past_run_id_{job}")
        if asked and agreed != asked:
            raise ConfigError(f"this rank was given run_id={asked}, another rank {agreed}: export one {RUN_ID} to all")
        own = agreed
        _meet_in_a_store_of_this_life()
    if job is not None:
        return f"{own}-{job}"
    os.environ[RUN_ID] = own
    return own


def _tcp_store(host: str, port: int, **options: bool) -> Any:
    """Open torch's TCP store; see `torch.distributed.TCPStore`."""
    import torch.distributed  # takes seconds

    distributed: Any = torch.distributed  # it documents the class, and its types do not list it
    return distributed.TCPStore(host, port, **options)


def _first_choice(own: str, key: str) -> str:
    """Return what the first process wrote into torchrun's store."""
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = _tcp_store(host, port, is_master=False)
    return store.compare_set(key, "", own).decode()


def _meet_in_a_store_of_this_life() -> None:
    """After a restart, open a new store and let the process group meet there.

    torchrun keeps its own through `--max-restarts`, and in it the addresses of processes that are gone: whoever reads
    one before its successor has written there waits for nobody.
    """
    life = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    if life == "0":
        return
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    old = _tcp_store(host, port, is_master=False)
    if os.environ["RANK"] == "0":
        _served.append(_tcp_store(host, 0, is_master=True, wait_for_workers=False))
        old.set(f"past_port_{life}", str(_served[-1].port))
    os.environ["MASTER_PORT"] = old.get(f"past_port_{life}").decode()


_served: list[Any] = []  # a store is there as long as the object is
