"""Train a model: compose the configuration, build its parts, fit. `python train.py experiment=demo --help` teaches."""

import logging
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from past import config as door
from past.base.errors import ConfigError, PastError, TrainingError
from past.base.runs import Run, agree_on_run_id
from past.base.slurm import refuse_wrong_start
from past.base.text.address import hold
from past.models import load_model, load_part

if TYPE_CHECKING:  # torch and Lightning take seconds to import, and --help needs neither
    import lightning.pytorch as pl

door.register()
log = logging.getLogger("past")


def train(composed: DictConfig, job: int | None = None) -> "pl.Trainer":
    """Compose → build → fit; returns the trainer, finished.

    Args:
        composed: the configuration.
        job: number of this run in a sweep (-m); None: no sweep.
    """
    import lightning.pytorch as pl

    from past.nn.weights import load_strictly
    from past.training.best import with_metric
    from past.training.checkpoint_io import AtomicCheckpointIO
    from past.training.cluster import cluster_plugins
    from past.training.going_on import changed_settings, keep_former_settings, place_to_start, read_start

    composed.run_id = agree_on_run_id(composed.run_id, job)
    config = door.resolve(composed, door.Train)
    refuse_wrong_start(config["trainer"], job is not None)
    run = Run(config["output_root"], config["name"], config["run_id"])
    pl.seed_everything(config["seed"], workers=True, verbose=False)

    data = door.build(config["data"], "data", seed=config["seed"])
    config["model"] = door.filled(config["model"], data.samples.model_sizes)
    module = door.build(config["module"], "module", model=door.build(config["model"], "model"))
    config["callbacks"] = with_metric(config["callbacks"], module.monitor)
    about = data.description()
    module.keep_in_checkpoints(config=config, **about)
    module.batches_per_epoch = lambda: data.batches_per_epoch
    trainer = door.build(
        config["trainer"],
        "trainer",
        default_root_dir=str(run.directory),
        callbacks=door.build_all(config["callbacks"], "callbacks"),
        enable_progress_bar=config["callbacks"].get("progress") is not None,
        logger=door.build_all(config["logger"], "logger"),
        plugins=[AtomicCheckpointIO(), *cluster_plugins()],
    )
    with run.claimed() if trainer.is_global_zero else nullcontext():
        checkpoint = place_to_start(run, config["ckpt"])
        if checkpoint is None and module.has_parts_to_fit:
            module.fit_parts(data.samples.for_fitting())
        start_from(module, config["init"], data.samples.gene_names)
        update, changed = 0, {}
        if checkpoint is not None:
            saved = read_start(checkpoint)
            update, changed = saved["global_step"], changed_settings(checkpoint, run, config, about["trained_on"])
            data.samples.require_same(saved["past"]["tokenizer"], str(checkpoint))
            load_strictly(module, saved["state_dict"], checkpoint)  # says in a sentence what does not fit
        if trainer.is_global_zero:
            keep_former_settings(run, update, changed)
            door.save(config, run.config)
            log.info("%s: %s", run.directory, "from scratch" if checkpoint is None else f"resuming from {checkpoint}")
        trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        if trainer.is_global_zero:
            log.info("%s: done after %d updates; draw its page with past report", run.directory, trainer.global_step)
    return trainer


def start_from(module: Any, init: Mapping[str, str | None], vocabulary: Sequence[str]) -> None:
    """Replace the model's weights, or parts of it, by those of models that are already trained.

    Args:
        module: holds the `model`.
        init: path of each part, None: it starts from nothing; the part "model" is the whole.
        vocabulary: the data's genes in the order of their tokens.

    Raises:
        ConfigError: a part of another width than the model was configured for.
        CheckpointError: another vocabulary, no such part, or weights of other shapes.
    """
    from past.nn.weights import load_strictly

    for name, path in init.items():
        if path is None:
            continue
        part = load_part(path, None if name == "model" else name)
        if part.reads_genes:
            load_model(path).require_vocabulary(vocabulary)
        if name == "model":
            load_strictly(module.model, part.state_dict(), path)
            continue
        own = getattr(module.model, name)
        if part.width != own.width:
            raise ConfigError(f"init.{name}={path} has width {part.width}, the model {own.width}: set {name} to match")
        setattr(module.model, name, part)
        module.model.config[name] = part.config


def main() -> float | None:
    """Compose what the command line says, names as they were typed, once the secrets of its addresses are held."""
    sys.argv[1:] = door.words_as_typed([hold(word) for word in sys.argv[1:]])
    return _main()


@hydra.main(version_base="1.3", config_path=str(door.CONF), config_name="train")
def _main(composed: DictConfig) -> float | None:
    """Run `train` and say what was wrong in one sentence; return the best monitored value, which Optuna raises."""
    from past.base.distributed import is_lost_rank, rank_and_world
    from past.training.best import best_score
    from past.training.remaining import quiet_libraries

    logging.basicConfig(format="%(message)s")  # of others, warnings alone
    logging.getLogger("past").setLevel(logging.INFO)
    quiet_libraries()
    hydra_config = HydraConfig.get()
    sweeps = hydra_config.mode == RunMode.MULTIRUN
    try:
        return best_score(train(composed, job=int(hydra_config.job.num) if sweeps else None))
    except TrainingError as error:
        if not sweeps:
            sys.exit(f"error: {error}")
        log.error("error: %s", error)
        return -math.inf  # the worst; the others of the sweep go on
    except (PastError, OSError) as error:
        sys.exit(f"error: {error}")
    except RuntimeError as error:
        if not is_lost_rank(error):
            raise
        first = "error: another rank has ended; its own message, or that of what started it, says why"
        sys.exit(first if rank_and_world()[0] == 0 else 1)


if __name__ == "__main__":
    main()
