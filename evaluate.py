"""Judge a model: compose the configuration, run the task, write result files. `python evaluate.py --help` teaches."""

import logging
import sys
from importlib.metadata import version
from pathlib import Path

import hydra
import lightning.pytorch as pl
from omegaconf import DictConfig

import past_pathology
from past import config as door
from past.checkpoints.saved import load_model
from past.data.tokens import Tokenizer
from past.errors import PastError
from past.report.screen import show
from past.runs import Run, newest_run

past_pathology.require_ours()
door.register()
MOVES_NUMBERS = ("past-pathology", "torch", "numpy", "scikit-learn", "timm")


def evaluate(composed: DictConfig) -> Path:
    """Compose → run the task → write results; returns the folder of the result files."""
    config = door.resolve(composed, door.Evaluate)
    root, name = config["output_root"], config["name"]
    run = Run(root, name, config["run_id"]) if config["run_id"] else newest_run(root, name)
    checkpoint = Path(config["ckpt"]) if "/" in config["ckpt"] else run.checkpoints / f"{config['ckpt']}.ckpt"
    results = Path(config["results_dir"] or run.results)
    pl.seed_everything(config["seed"], workers=True, verbose=False)

    saved = load_model(checkpoint)
    trained = door.load(run.config)
    chosen = {key: value for key, value in config["data"].items() if value is not None}
    data = door.build(trained["data"] | chosen, "data", seed=trained["seed"])
    data.tokenizer = Tokenizer.from_state(saved.tokenizer, data.index.genes)
    data.setup("validate")
    task = door.build(config["task"], "task")
    about = {"checkpoint": str(checkpoint), "versions": {package: version(package) for package in MOVES_NUMBERS}}
    show(task(saved.model, data, results, about))
    print(f"results in {results}")
    return results


@hydra.main(version_base="1.3", config_path="conf", config_name="evaluate")
def main(composed: DictConfig) -> None:
    """Run `evaluate` and say what was wrong in one sentence."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        evaluate(composed)
    except PastError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
