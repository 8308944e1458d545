"""Which runs a cross-validation is: one a fold and seed, all of one name, alike in everything else."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from past.base.errors import ConfigError
from past.base.runs import Run, changes
from past.evaluation.survival.fold import JudgedFold
from past.evaluation.task import Door
from past.evaluation.trained import data_of, trained
from past.models.survival.predict import load_survival
from past.models.survival.samples.bags import BagSamples

log = logging.getLogger(__name__)
COLLECTED = "folds"  # run id under which the results of several runs lie
ALIKE = ("data", "model", "module", "trainer")  # what the runs of a cross-validation share, but for the fold


def open_folds(config: Mapping[str, Any], door: Door, ids: Sequence[str] | None) -> tuple[Run, list[JudgedFold]]:
    """Open the runs that are asked for, and say whose folder takes the results.

    Args:
        config: of evaluate.py. `run_id`: this run alone; else all of `name`, the newest of each fold and seed.
        door: builds their data.
        ids: the runs' ids in place of all.

    Raises:
        ConfigError: no such run, runs that differ in more than fold and seed, or seeds with other folds than others.
    """
    root, name = config["output_root"], config["name"]
    if config["run_id"]:
        run, _ = trained(_of_run(config, Run(root, name, config["run_id"])))
        return run, [_opened(config, run, door)]
    folder = Path(root).expanduser().resolve() / name
    found = [Run(root, name, one) for one in ids or (path.parent.name for path in folder.glob("*/config.yaml"))]
    if not found:
        raise ConfigError(f"no run in {folder}: train one with train.py, or name it by output_root=, name= and run_id=")
    settings = {run: door.load(run.config) for run in sorted(found, key=lambda run: run.config.stat().st_mtime)}
    newest = {_place(run, own): run for run, own in settings.items()}
    chosen = [newest[place] for place in sorted(newest)]
    _require_alike({run: settings[run] for run in chosen})
    _require_all_folds(list(newest))
    if len(chosen) < len(found):
        log.warning("%s: %d of %d runs are taken, the newest of each fold and seed", folder, len(chosen), len(found))
    return Run(root, name, COLLECTED), [_opened(config, run, door) for run in chosen]


def _place(run: Run, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Return seed and fold of a run."""
    try:
        return int(settings["seed"]), int(settings["data"]["samples"]["fold"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{run.config}: names no seed and data.samples.fold: give survival runs alone") from error


def _require_alike(settings: Mapping[Run, Mapping[str, Any]]) -> None:
    first, *others = settings
    for run in others:
        for part in ALIKE:
            one, other = (settings[either].get(part, {}) for either in (first, run))
            found = [name for name in changes(one, other) if (part, name) != ("data", "samples.fold")]
            if found and isinstance(one, Mapping):
                raise ConfigError(
                    f"{first.directory} and {run.directory} differ in {part}.{found[0]}: they are no folds of one "
                    "cross-validation; give task.runs=[RUN_ID, …], or another name= to each when training"
                )


def _require_all_folds(places: Sequence[tuple[int, int]]) -> None:
    of_seed = {seed: [fold for own, fold in places if own == seed] for seed, _ in places}
    most = max(of_seed.values(), key=len)
    for seed, folds in of_seed.items():
        absent = sorted(set(most) - set(folds))
        if absent:
            raise ConfigError(
                f"seed {seed} has no run of fold {absent[0]}, others have: train it, or give task.runs=[…]"
            )


def _of_run(config: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Return the settings of one run; of one that validated on nobody the last weights count."""
    no_best = config["ckpt"] == "best" and not (run.checkpoints / "best.ckpt").is_file()
    return {**config, "run_id": run.directory.name, "ckpt": "last" if no_best else config["ckpt"]}


def _opened(config: Mapping[str, Any], run: Run, door: Door) -> JudgedFold:
    run, checkpoint = trained(_of_run(config, run))
    samples = data_of(config, run, door).samples
    if not isinstance(samples, BagSamples):
        raise ConfigError(f"{run.config}: no survival training: give name= and run_id= of one")
    return JudgedFold(run, _place(run, door.load(run.config))[0], checkpoint, load_survival(checkpoint), samples)
