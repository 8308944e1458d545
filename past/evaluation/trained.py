"""What evaluations of a trained model share: which run and checkpoint `ckpt=` means, and the run's own data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from past.base.errors import CheckpointError, ConfigError
from past.base.runs import Run, newest_run
from past.base.text.address import is_address, shown
from past.data.stream.datamodule import DataModule
from past.evaluation.task import Door

OF_A_RUN = ("best", "last")  # what `ckpt=` may name of a run; anything else is a path


def imported_weights(config: Mapping[str, Any]) -> Path | None:
    """Return the folder of imported weights that `ckpt=` names; None: it names a training's checkpoint."""
    path = Path(config["ckpt"])
    return path if config["ckpt"] not in OF_A_RUN and path.is_dir() else None


def trained(config: Mapping[str, Any]) -> tuple[Run, Path]:
    """Return the run whose model is judged, and the model's checkpoint.

    Raises:
        ConfigError: no such run.
        CheckpointError: no such checkpoint, or path.
    """
    asked = config["ckpt"]
    if asked in OF_A_RUN:
        run = _run(config)
        path = run.checkpoints / f"{asked}.ckpt"
        if not path.is_file():
            raise CheckpointError(f"{path}: no such checkpoint; ckpt= may be {_choices(run)}")
        return run, path
    path = Path(asked)
    if not path.exists():
        try:
            choices = _choices(_run(config))
        except ConfigError:  # no run at all
            choices = "a path that exists"
        raise CheckpointError(f"ckpt={asked}: no such file or folder; ckpt= may be {choices}")
    return _run(config), path


def data_of(config: Mapping[str, Any], run: Run, door: Door) -> DataModule[Any]:
    """Build the run's data, with what `data` names otherwise.

    A run may be somebody else's: what it says opens no address and fills no folder of its choosing, so an address and
    the cache of its shards are the user's to name.

    Raises:
        ConfigError: settings that are not a run's, or of which no data can be built; its shards are at an address.
        DataError: settings that cannot be read, or data that cannot.
    """
    own = door.load(run.config)
    data, seed = own.get("data"), own.get("seed")
    if not isinstance(data, dict) or not isinstance(seed, int):
        raise ConfigError(f"{run.config}: names no data and seed: give a run that train.py wrote")
    chosen = {key: value for key, value in config["data"].items() if value is not None}
    root = data.get("root")
    if "root" not in chosen and isinstance(root, str) and is_address(root):
        raise ConfigError(
            f"{run.config}: its shards are at {shown(root)}, and no address is opened because a file says so: give "
            f"data.root={shown(root)} if you trust it, or data.root=DIR"
        )
    own_data = {key: value for key, value in data.items() if key not in ("cache", "cache_gb")}
    try:
        return door.build(own_data | chosen, "data", seed=seed)
    except (TypeError, ValueError, AttributeError) as error:  # a value of another kind than is meant
        raise ConfigError(
            f"{run.config}: no data can be built of its data ({error}): give the run as written"
        ) from error


def origin_of(
    checkpoint: Path, weights: str, root: str, val: Sequence[str], train: Sequence[str] | None
) -> dict[str, object]:
    """Return the facts that numbers of a trained model depend on; where the checkpoint lies is none of them.

    Args:
        checkpoint: its file or folder.
        weights: hash of its file.
        root: directory or address of the shards.
        val: sections judged.
        train: sections that what stands beside the model is fitted on; None: not at hand.
    """
    place = root if "://" in root else str(Path(root).resolve())
    data = {"root": place, "val": list(val), "train": None if train is None else list(train)}
    return {"ckpt": checkpoint.name, "weights": weights, "data": data}


def _run(config: Mapping[str, Any]) -> Run:
    root, name = config["output_root"], config["name"]
    return Run(root, name, config["run_id"]) if config["run_id"] else newest_run(root, name)


def _choices(run: Run) -> str:
    """Say what `ckpt=` may be for a run."""
    there = [name for name in OF_A_RUN if (run.checkpoints / f"{name}.ckpt").is_file()]
    others = sorted(path for path in run.checkpoints.glob("*.ckpt") if path.stem not in OF_A_RUN)
    return " or ".join([*there, *map(str, others), "a path"])
