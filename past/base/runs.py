"""A run's one directory, the same on all ranks: `<output_root>/<name>/<run_id>/`; it says what was trained there."""

import contextlib
import fcntl
import logging
import os
import re
import socket
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

from past.base.disk.locks import lock, unlock
from past.base.disk.space import space_for
from past.base.errors import ConfigError

RUN_ID = "PAST_RUN_ID"
CONFIG_BYTES: Final = 1 << 18  # of a run's config.yaml, at most
log = logging.getLogger(__name__)
# What a run may be given otherwise when it goes on, each with all below it: where and how fast it runs, how long, and
# what it writes. All else is what its weights were trained with.
MAY_CHANGE: Final = (
    "output_root", "name", "run_id", "ckpt", "callbacks", "logger", "module.execution", "module.loss.cache_chunk",
    "data.num_workers", "data.cache", "data.cache_gb", "data.on_error", "data.max_skipped",
    "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy", "trainer.precision",
    "trainer.max_epochs", "trainer.max_steps", "trainer.log_every_n_steps", "trainer.check_val_every_n_epoch",
    "trainer.val_check_interval", "trainer.limit_val_batches", "trainer.enable_model_summary", "trainer.profiler",
)  # fmt: skip
UNSET: Final = "not set"
_claims: set[int] = set()  # open files whose locks are this process's alone


def _leave_claims() -> None:
    """In a process that was forked: close what it inherited, or a run would be taken as long as a worker lives."""
    for claim in _claims:
        os.close(claim)


os.register_at_fork(after_in_child=_leave_claims)


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

    def config_until(self, update: int | Literal["*"]) -> Path:
        """The configuration that held until `update`, where it was another; "*": a pattern of all."""
        return self.directory / f"config.until-{update}.yaml"

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep every other training out of the directory meanwhile; on a file system without locks nothing does.

        Raises:
            ConfigError: another process trains there; says which.
            NoSpaceError: the disk is full.
        """
        path = self.directory / ".training"
        self.directory.mkdir(parents=True, exist_ok=True)
        claim = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        _claims.add(claim)
        try:
            _lock_or_refuse(claim, self.directory)
            try:
                yield
            finally:
                unlock(claim)  # a worker that is just being forked holds it too
        finally:
            _claims.discard(claim)
            os.close(claim)
            with contextlib.suppress(FileNotFoundError):  # where there are no locks, another may be as quick
                if [*self.directory.iterdir()] == [path]:  # nothing was written
                    path.unlink()
                    self.directory.rmdir()


def _lock_or_refuse(claim: int, directory: Path) -> None:
    """Take the lock of a run's directory, and leave a note of who has it."""
    try:
        lock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        who = os.pread(claim, 200, 0).decode(errors="replace")
        raise ConfigError(
            f"{directory} is being trained already ({who}): wait for its end, or give another run_id"
        ) from error
    with space_for(directory / ".training"):
        os.truncate(claim, 0)
        os.pwrite(
            claim, f"process {os.getpid()} on {socket.gethostname()} since {datetime.now():%d %b %H:%M}".encode(), 0
        )


def what_to_give(path: Path, otherwise: str) -> str:
    """Return the checkpoints that a run has where `path` was looked for, or `otherwise` where there are none."""
    there = sorted((path / "checkpoints" if path.is_dir() else path.parent).glob("*.ckpt"))
    return " or ".join(map(str, there)) or otherwise


def flat(node: object, path: str = "") -> list[tuple[str, str]]:
    """Return the leaves of nested settings as (dotted name, value as text); a list is a leaf."""
    if not isinstance(node, Mapping):
        return [(path, str(node))]
    return [leaf for key, value in node.items() for leaf in flat(value, f"{path}.{key}" if path else str(key))]


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the settings that differ, dotted name → (before, now); one that is not there is `UNSET`."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys([*before, *now]):
        one, other = before.get(key, UNSET), now.get(key, UNSET)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found |= {f"{key}.{name}": pair for name, pair in changes(one, other).items()}
        elif one != other:
            found[str(key)] = (one, other)
    return found


def may_change(name: str) -> bool:
    """Whether a run may go on with another value of a setting."""
    return any(name == known or name.startswith(f"{known}.") for known in MAY_CHANGE)


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
