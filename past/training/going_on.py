"""Where a training begins, and whether what it is given is what its run was trained with so far."""

import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from past.base.errors import CheckpointError, ConfigError, reading
from past.base.files import write_atomically
from past.base.moved import upgraded
from past.base.runs import UNSET, Run, changes, may_change
from past.training.checkpoint_io import newest_good_checkpoint, read_checkpoint

log = logging.getLogger(__name__)


def place_to_start(run: Run, asked: str | None) -> Path | None:
    """Return the checkpoint that a training begins from; None: it begins anew.

    Args:
        run: whose directory takes the training.
        asked: "auto": the run's newest good checkpoint; a path; None: begin anew. What was begun from a path goes on
            from its own newest, when the same command comes again.

    Raises:
        ConfigError: the run has checkpoints, and would be trained over.
        CheckpointError: it has some, and all are broken.
    """
    own = newest_good_checkpoint(run.checkpoints)
    if asked == "auto" or own is None:
        return own if asked == "auto" or not asked else Path(asked)
    if asked is not None and Path(asked).resolve().parent == run.checkpoints:
        return Path(asked)
    if asked is not None and _config_of(own).get("ckpt") == asked:
        return own
    raise ConfigError(
        f"ckpt={asked} would train over what is in {run.checkpoints}: give another run_id, or ckpt=auto to go on "
        f"from {own.name}"
    )


def read_start(checkpoint: Path) -> dict[str, Any]:
    """Read what a training goes on from; see `read_checkpoint`.

    Raises:
        CheckpointError: as there, or a checkpoint of another program, or one that was edited.
    """
    saved = read_checkpoint(checkpoint)
    about = saved.get("past")
    if not isinstance(about, dict) or "tokenizer" not in about:
        raise CheckpointError(
            f"{checkpoint}: not a checkpoint of train.py: give one that is, or released weights by 'past import' and "
            "init.model="
        )
    told = {"global_step": saved.get("global_step"), "epoch": saved.get("epoch"), "tokenizer": about["tokenizer"]}
    for name, value in (told | {"config": about.get("config", {})}).items():
        if not isinstance(value, int if name in ("global_step", "epoch") else dict):
            raise CheckpointError(f"{checkpoint}: its {name} is {value!r:.80}: take the file as train.py wrote it")
    if "vocabulary_hash" not in about["tokenizer"]:
        raise CheckpointError(f"{checkpoint}: its tokenizer has no vocabulary_hash: take the file as train.py wrote it")
    with reading(checkpoint, "its settings are no plain values", "take the file as train.py wrote it", CheckpointError):
        json.dumps([about.get("config"), about.get("trained_on")])  # tensors, and what is nested without end, are not
    return saved


def changed_settings(checkpoint: Path, run: Run, config: Mapping[str, Any], trained_on: object) -> dict[str, str]:
    """Return what a run that goes on is given otherwise than before, setting → "before → now"; see `MAY_CHANGE`.

    Nothing where the checkpoint is not the run's own. A setting that was not there before is one that the program did
    not have yet, and is no reason to refuse.

    Args:
        checkpoint: where it goes on.
        run: whose directory takes the training.
        config: what it is given now, with `model` as the data fill it.
        trained_on: sections and patients of the training data now.

    Raises:
        ConfigError: settings differ that its weights were trained with.
    """
    if checkpoint.resolve().parent != run.checkpoints:
        return {}
    saved = read_start(checkpoint)
    found = changes(_config_of(checkpoint), config)
    refused = {name for name, (before, _) in found.items() if not may_change(name) and before is not UNSET}
    if saved["past"].get("trained_on") == trained_on:
        refused -= {"data.root"}  # the same sections elsewhere
    for name, made in (("trainer.max_steps", saved["global_step"]), ("trainer.max_epochs", saved["epoch"])):
        if name in found and 0 < (found[name][1] or -1) < made:
            refused.add(name)
    said = {name: f"{before} → {now}" for name, (before, now) in found.items()}
    if refused:
        raise ConfigError(
            f"{run.directory} was trained with other settings ({_told_once(said, refused)}): give the old ones, or "
            f"another run_id, with ckpt={checkpoint} if it is to begin from these weights"
        )
    return said


def keep_former_settings(run: Run, update: int, changed: Mapping[str, str]) -> None:
    """Put the configuration that held until `update` aside, if another holds from there on, and say what changed."""
    former = run.config_until(update)
    if not changed or not run.config.is_file() or former.exists():
        return
    write_atomically(former, run.config.read_bytes())  # a copy: a run is never without its config.yaml
    told = _told_once(changed, changed)
    log.info("from update %d on with other settings (%s); those of before are in %s", update, told, former.name)


def _told_once(said: Mapping[str, str], names: Iterable[str]) -> str:
    """List settings with their values; what a configuration repeats (`encoder`, `model.image_encoder`) is told once."""
    told: dict[tuple[str, str], str] = {}
    for name in sorted(names, key=lambda name: (name.count("."), name)):
        told.setdefault((name.rsplit(".", 1)[-1], said[name]), name)
    return ", ".join(f"{name}: {value}" for (_, value), name in told.items())


def _config_of(checkpoint: Path) -> dict[str, Any]:
    """Return the configuration that a checkpoint's weights were trained with."""
    return upgraded(read_start(checkpoint)["past"].get("config", {}))
