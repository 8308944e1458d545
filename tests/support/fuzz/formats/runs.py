"""Runs of somebody else: their settings, opened as evaluate.py, `past report` and a training that goes on open them."""

import contextlib
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml
from shards import write_set

from fuzz import texts
from fuzz.case import Contents, Format
from fuzz.formats.matrices import files_below
from past import config as door
from past.base.runs import Run
from past.evaluation.trained import data_of
from past.report.blocks import page
from past.report.html import configuration_blocks
from past.report.sweep import compared, differences, judged_by, read_trained
from past.training.going_on import changed_settings, keep_former_settings, place_to_start, read_start

RUN = Path("runs/mine/first")
DATA = {
    "_target_": "past.data.stream.datamodule.DataModule", "root": "data", "batch_size": 4, "val": ["P2"], "train": None,
    "samples": {
        "_target_": "past.models.past.samples.cells.CellSamples", "context": 16, "vocabulary": "shards", "radius": None,
        "augmentation": {
            "_target_": "past.models.past.samples.augmentation.Augmentation", "turns": True, "stain": 0.05,
        },
    },
}  # fmt: skip
CONFIG = {
    "name": "mine", "run_id": "first", "seed": 7, "ckpt": "auto", "data": DATA,
    "model": {"_target_": "past.models.past.model.PASTModel", "dim": 8, "temperature": 0.1},
    "trainer": {"max_steps": 50, "max_epochs": None}, "callbacks": {"best": {"monitor": "val/recall@1"}},
}  # fmt: skip
ABOUT = {
    "config": CONFIG,
    "tokenizer": {"vocabulary_hash": "x"},
    "trained_on": {"sections": ["S0"], "patients": ["P0"]},
}
START = {"global_step": 3, "epoch": 0, "state_dict": {}, "past": ABOUT}
SETTINGS, CHECKPOINT, METRICS = str(RUN / "config.yaml"), str(RUN / "checkpoints/last.ckpt"), str(RUN / "metrics.csv")


def _run() -> Contents:
    with TemporaryDirectory() as folder:
        write_set(Path(folder) / "data", [2, 2, 2])
        pieces = files_below(Path(folder))
    pieces[METRICS] = b"step,val/recall@1,val/chance\n0,0.1,0.05\n9,0.4,0.05\n"
    return {**pieces, SETTINGS: yaml.safe_dump(CONFIG).encode(), CHECKPOINT: json.dumps(START).encode()}


def _packed(pieces: Contents) -> Contents:
    """What a checkpoint says is a piece as JSON; where it is none, the checkpoint is that text."""
    if CHECKPOINT not in pieces:
        return pieces
    file = io.BytesIO()
    try:
        torch.save(json.loads(pieces[CHECKPOINT]), file)
    except (ValueError, RecursionError):
        file.write(pieces[CHECKPOINT])
    return {**pieces, CHECKPOINT: file.getvalue()}


def read_run(folder: Path) -> None:
    """Judge the run on the data that it names, report it, and go on with it."""
    directory = folder / RUN
    run = Run(directory.parent.parent, directory.parent.name, directory.name)
    if run.config.is_file():
        with contextlib.chdir(folder):
            data_of({"data": {}}, run, door)
        trained = read_trained(directory)
        metric = judged_by([trained])[0]
        if metric in trained.metrics:
            compared([trained, trained], metric, differences([trained.settings, {}]))
        page("a run", "", configuration_blocks(run))
    start = place_to_start(run, "auto")
    if start is not None:
        update = read_start(start)["global_step"]
        keep_former_settings(run, update, changed_settings(start, run, CONFIG, ABOUT["trained_on"]))


FORMATS = {
    "run": Format(
        _run, read_run, {SETTINGS: [texts.yaml_of], CHECKPOINT: [texts.json_of]}, 600, _packed, damage=0.2, alone=True
    ),
}  # fmt: skip
