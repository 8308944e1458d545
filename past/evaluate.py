"""Judge a model: compose the configuration, run the task, write result files. `python evaluate.py --help` teaches."""

import logging
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from past import config as door
from past.base.errors import DataError, PastError
from past.base.text.address import hold

if TYPE_CHECKING:
    from past.evaluation.task import Task

door.register()
MOVES_NUMBERS = ("past-pathology", "torch", "numpy", "scipy", "scikit-learn", "timm")


def evaluate(composed: DictConfig, encoder: str | None = None) -> Path:
    """Compose → open the task → run it → write results and their page; returns the folder of the result files.

    Args:
        composed: the configuration.
        encoder: name of the preset that `encoder=` chose.

    Raises:
        DataError: parts could not be judged, a sentence each; the results of the others are written.
    """
    import lightning.pytorch as pl

    from past.evaluation.pages import write_results_page
    from past.evaluation.results import Results
    from past.report.screen import show

    config = door.resolve(composed, door.Evaluate)
    config["encoders"] = config["encoders"] or ({encoder: config["encoder"]} if encoder else {})
    pl.seed_everything(config["seed"], workers=True, verbose=False)
    task: Task[Any] = door.build(config["task"], "task")
    given = task.open(config, door)
    about = {"versions": {package: version(package) for package in MOVES_NUMBERS}}
    results = Results(Path(config["results_dir"] or given.run.results), task.name, task.origin(given), about)
    show(task(given, results))
    write_results_page(results.folder)
    print(f"results in {results.folder}")
    if results.faults:
        raise DataError("these could not be judged, and the results are without them:", *results.faults)
    return results.folder


def main() -> None:
    """Compose what the command line says, names as they were typed; `encoder=a,b` is one run of both."""
    sys.argv[1:] = door.words_as_typed(door.encoders_of_one_run([hold(word) for word in sys.argv[1:]]))
    _main()


@hydra.main(version_base="1.3", config_path=str(door.CONF), config_name="evaluate")
def _main(composed: DictConfig) -> None:
    """Run `evaluate` and say what was wrong in one sentence."""
    logging.basicConfig(format="%(message)s")  # of others, warnings alone
    logging.getLogger("past").setLevel(logging.INFO)
    try:
        evaluate(composed, HydraConfig.get().runtime.choices.get("encoder"))
    except (PastError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
