"""What we need of Lightning and DDP that neither promises: the only place that touches it, a function each.

`tests/unit/training/test_private.py` fails with a release that takes one of these away.
"""

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.strategies import ModelParallelStrategy
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer


def is_accumulating(trainer: pl.Trainer) -> bool:
    """Tell whether the batch that ended was not the last of its update (`accumulate_grad_batches`)."""
    return trainer.fit_loop.epoch_loop._should_accumulate()


def checkpoint_of(trainer: pl.Trainer) -> dict[str, Any]:
    """Return what `trainer.save_checkpoint` would write; its tensors are those in training, not copies."""
    return trainer._checkpoint_connector.dump_checkpoint(weights_only=False)


def set_logged_step(trainer: pl.Trainer, updates: int) -> None:
    """Set the number of updates that loggers are told; Lightning's own is short by one after two stops."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = updates


def set_sharing_ranks(strategy: ModelParallelStrategy, ranks: int) -> None:
    """Set over how many ranks parameters are shared out, once their number is known; Lightning's is the nodes'."""
    _loose(strategy)._data_parallel_size = ranks


def measure_communication(model: DistributedDataParallel, every: int) -> None:
    """Let DDP measure its communication in every such update."""
    _loose(model)._set_ddp_runtime_logging_sample_rate(every)


def exposed_communication(model: DistributedDataParallel) -> float | None:
    """Return the seconds of the last measured update in which DDP's communication was not hidden by computation."""
    said = _loose(model)._get_ddp_logging_data()
    if "backward_comm_time" not in said:  # in ns
        return None
    return (said["backward_comm_time"] - said["backward_compute_comm_overlap_time"]) / 1e9


def clippable(optimizer: Optimizer) -> Optimizer:
    """Return a fused optimiser that leaves the unscaling of gradients to the trainer, which must do it to clip them."""
    _loose(optimizer)._step_supports_amp_scaling = False
    return optimizer


def _loose(thing: object) -> Any:
    """Return it untyped: type checkers know no private names."""
    return thing
