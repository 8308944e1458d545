"""The repeated blocks of a tower: what is compiled, recomputed and sharded one at a time."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint

from past.base.errors import ConfigError
from past.nn.dropout import dropout_by_row, row_seeds

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)  # and what is derived from them


def blocks(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the outermost repeated parts of `module`: the layers of a transformer, the blocks of a ResNet's stages."""
    for child in module.children():
        parts = list(child.children()) if isinstance(child, nn.ModuleList | nn.Sequential) else []
        if len({type(part) for part in parts}) == 1 and next(parts[0].children(), None) is not None:
            yield from parts
        else:
            yield from blocks(child)


def compile_blocks(module: nn.Module) -> None:
    """Compile each block, in place: names of parameters stay, and blocks that are alike are compiled once."""
    for block in blocks(module):
        block.compile()


def recompute_blocks(module: nn.Module) -> None:
    """Keep only what enters each block for backward, and compute the rest again there (Chen et al. 2016), in place."""
    for block in blocks(module):
        block.forward = _recomputed(block.forward)


def _recomputed(forward: Any) -> Any:
    def recomputed(*args: Any, **kwargs: Any) -> Any:
        seeds = row_seeds()  # in backward they no longer hold

        def again(*args: Any) -> Any:
            with dropout_by_row(seeds):
                return forward(*args, **kwargs)

        return checkpoint(again, *args, use_reentrant=False)

    return recomputed


def refuse_batch_norm(model: nn.Module, option: str, why: str, without: str) -> None:
    """Raise ConfigError where a layer of `model` normalises over the batch, which `option` does not allow."""
    for name, layer in model.named_modules():
        if isinstance(layer, BATCH_NORMS):
            raise ConfigError(
                f"{option}: {name} normalises over the batch, and {why}: use an encoder without, or {without}"
            )
