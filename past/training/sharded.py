"""`trainer=fsdp`: parameters, gradients and the optimiser's state shared out over the ranks."""

from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method
from torch.optim import Optimizer

from past.base.errors import ConfigError
from past.nn.blocks import blocks
from past.training.checkpoint_io import read_checkpoint
from past.training.private import set_sharing_ranks


class Sharded(ModelParallelStrategy):
    """Shards over all ranks what the module's `configure_model` shards.

    A checkpoint is the one file that every other strategy writes and reads: it goes on with any number of ranks,
    sharded or not. The first rank holds the whole of it in host memory while it writes.
    """

    def __init__(self) -> None:
        super().__init__(tensor_parallel_size=1, save_distributed_checkpoint=False)

    def setup_environment(self) -> None:
        """Make the mesh of all ranks; Lightning's own default is one of the nodes."""
        set_sharing_ranks(self, self.num_nodes * self.num_processes)
        super().setup_environment()

    def setup(self, trainer: pl.Trainer) -> None:
        """Refuse a module that shards nothing."""
        module = self.lightning_module
        assert module is not None
        if type(module).configure_model is pl.LightningModule.configure_model:
            raise ConfigError(f"trainer=fsdp: {type(module).__name__} cannot be sharded; use trainer=ddp")
        super().setup(trainer)

    def optimizer_state(self, optimizer: Optimizer) -> dict[str, Any]:
        """Return the optimiser's whole state on the first rank, numbered as an optimiser of one process numbers it."""
        assert self.model is not None
        options = StateDictOptions(full_state_dict=True, cpu_offload=True)
        own = optimizer.optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        state: dict[str, Any] = get_optimizer_state_dict(self.model, own, options=options)  # type: ignore[assignment]
        return _renamed(state, {name: number for number, name in enumerate(_members(state))}) if state else {}

    def load_checkpoint(self, checkpoint_path: str | Path, weights_only: bool | None = None) -> dict[str, Any]:
        """Read the file on every rank and keep this rank's shards of it; see `read_checkpoint`."""
        assert self.model is not None
        checkpoint = read_checkpoint(Path(self.broadcast(checkpoint_path)))
        options = StateDictOptions(full_state_dict=True)
        set_model_state_dict(self.model, checkpoint["state_dict"], options=options)
        for optimizer, state in zip(self.optimizers, checkpoint["optimizer_states"], strict=True):
            names = dict(zip(_members(state), _names(self.model, optimizer), strict=True))
            set_optimizer_state_dict(self.model, optimizer, _renamed(state, names), options=options)
        return checkpoint


def shard(module: nn.Module, mesh: DeviceMesh) -> None:
    """Share the parameters out over the ranks of `mesh`, in place (FSDP2): block by block, then the rest.

    Raises:
        ConfigError: parameters in an order that cannot be cut.
    """
    for name, parameter in module.named_parameters():
        if not parameter.is_contiguous():
            raise ConfigError(f"trainer=fsdp cannot cut {name}: set module.execution.channels_last=false")
    for block in blocks(module):
        fully_shard(block, mesh=mesh)
    fully_shard(module, mesh=mesh)
    for step in ("training_step", "validation_step"):
        register_fsdp_forward_method(module, step)


def _members(state: Mapping[str, Any]) -> list[Any]:
    return [*chain.from_iterable(group["params"] for group in state["param_groups"])]


def _names(model: nn.Module, optimizer: Optimizer) -> list[str]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def _renamed(state: Mapping[str, Any], names: Mapping[Any, Any]) -> dict[str, Any]:
    groups = [{**group, "params": [names[old] for old in group["params"]]} for group in state["param_groups"]]
    return {"state": {names[old]: value for old, value in state["state"].items()}, "param_groups": groups}
