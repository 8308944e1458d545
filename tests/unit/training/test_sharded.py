"""trainer=fsdp: what it refuses; what it does needs ranks, see tests/distributed/test_trainers.py."""

import lightning.pytorch as pl
import pytest
import torch

from past.base.errors import ConfigError
from past.training.sharded import Sharded, shard


class Unsharded(pl.LightningModule):
    """A module that says nothing of sharding."""


def test_a_module_that_cannot_be_sharded_is_refused() -> None:
    strategy = Sharded()
    strategy.connect(Unsharded())
    with pytest.raises(ConfigError, match="trainer=fsdp: Unsharded cannot be sharded; use trainer=ddp"):
        strategy.setup(pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False))


def test_weights_in_another_order_are_refused() -> None:
    layer = torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match=r"cannot cut weight: set module\.execution\.channels_last=false"):
        shard(layer, None)  # type: ignore[arg-type]
