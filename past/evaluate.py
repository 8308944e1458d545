"""Judge a model: compose the configuration, run the task, write result files. `python evaluate.py --help` teaches."""

import logging
import re
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import hydra
import lightning.pytorch as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from past import config as door
from past.base.errors import CheckpointError, PastError
from past.base.runs import Run, newest_run
from past.data.shards.slides import SlideSet
from past.evaluation.hest.page import write_hest_report
from past.evaluation.hest.task import HestBench
from past.evaluation.results import claim, require_same_origin
from past.evaluation.retrieval.task import Retrieval
from past.evaluation.spots.page import write_maps
from past.evaluation.spots.task import SlideTask, slides_to_judge
from past.models import load_model
from past.models.past.model import PASTModel
from past.models.past.samples.tokens import Tokenizer
from past.models.stpath.predict import load_stpath
from past.report.screen import show

door.register()
MOVES_NUMBERS = ("past-pathology", "torch", "numpy", "scipy", "scikit-learn", "timm")


def evaluate(composed: DictConfig, encoder: str | None = None) -> Path:
    """Compose → run the task → write results; returns the folder of the result files.

    Args:
        composed: the configuration.
        encoder: name of the preset that `encoder=` chose.
    """
    config = door.resolve(composed, door.Evaluate)
    task = door.build(config["task"], "task")
    about = {"versions": {package: version(package) for package in MOVES_NUMBERS}}
    if isinstance(task, HestBench):
        presets = config["encoders"] or ({encoder: config["encoder"]} if encoder else {})
        results = judge_encoders(config, task, presets, about)
    elif isinstance(task, SlideTask):
        results = judge_slides(config, task, about)
    else:
        results = judge_run(config, task, about)
    print(f"results in {results}")
    return results


def judge_encoders(
    config: dict[str, Any], task: HestBench, presets: dict[str, Any], about: Mapping[str, object]
) -> Path:
    """Run image encoders over a benchmark; their results lie in `<output_root>/hest_bench/` unless told otherwise."""
    encoders = {}
    for name, preset in presets.items():
        pl.seed_everything(config["seed"], workers=True, verbose=False)  # a random one is the same in any company
        encoders[name] = door.build(preset, f"encoders.{name}")
    run_id = config["run_id"] or "-".join([re.sub(r"\W+", "_", task.protocol(encoders)), *presets])
    results = Path(config["results_dir"] or Run(config["output_root"], "hest_bench", run_id).results)
    show(task(encoders, results, about, presets))
    write_hest_report(results)
    return results


def judge_run(config: dict[str, Any], task: Retrieval, about: Mapping[str, object]) -> Path:
    """Run a task on a trained PAST and its own data."""
    run, checkpoint = trained(config)
    results = Path(config["results_dir"] or run.results)
    saved = load_model(checkpoint)
    if not isinstance(saved.model, PASTModel):
        kind = type(saved.model).__name__
        raise CheckpointError(f"{checkpoint}: holds a {kind}, not PAST: use task=zero_shot or task=imputation")
    data = data_of(config, run)
    data.samples.tokenizer = Tokenizer.from_state(saved.tokenizer, data.index.genes)
    data.setup("validate")
    model = saved.model.to("cuda" if torch.cuda.is_available() else "cpu")
    show(task(model, data, results, {"checkpoint": str(checkpoint), **about}))
    return results


def judge_slides(config: dict[str, Any], task: SlideTask, about: Mapping[str, object]) -> Path:
    """Run STPath on slides: a training's on its own, or imported weights (`ckpt=FOLDER`) on those of `data`."""
    checkpoint, where = Path(config["ckpt"]), config["data"]
    imported = "/" in config["ckpt"] and checkpoint.is_dir()
    if imported:
        run = Run(config["output_root"], task.name, config["run_id"] or checkpoint.resolve().name)
        train, slides = slides_to_judge(where["root"], where["val"], where["train"], config["seed"])
    else:
        run, checkpoint = trained(config)
        data = data_of(config, run)
        train, slides = (SlideSet(side, data.open_shard) for side in data.split)
    results = Path(config["results_dir"] or run.results)
    model = load_stpath(checkpoint)
    if imported:
        origin = {"weights": model.made_with["weights_sha256"], **{key: where[key] for key in ("root", "val", "train")}}
        require_same_origin(results, origin)
        claim(results, origin)
    show(task(model, train, slides, results, {"checkpoint": str(checkpoint), **about}))
    write_maps(results, task.name)
    return results


def trained(config: dict[str, Any]) -> tuple[Run, Path]:
    """Return the run whose model is judged, and the model's checkpoint."""
    root, name = config["output_root"], config["name"]
    run = Run(root, name, config["run_id"]) if config["run_id"] else newest_run(root, name)
    return run, Path(config["ckpt"]) if "/" in config["ckpt"] else run.checkpoints / f"{config['ckpt']}.ckpt"


def data_of(config: dict[str, Any], run: Run) -> Any:
    """Build the run's data, with what `data` names otherwise."""
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    own = door.load(run.config)
    chosen = {key: value for key, value in config["data"].items() if value is not None}
    return door.build(own["data"] | chosen, "data", seed=own["seed"])


@hydra.main(version_base="1.3", config_path=str(door.CONF), config_name="evaluate")
def main(composed: DictConfig) -> None:
    """Run `evaluate` and say what was wrong in one sentence."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        evaluate(composed, HydraConfig.get().runtime.choices.get("encoder"))
    except (PastError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    sys.argv[1:] = door.encoders_of_one_run(sys.argv[1:])
    main()
