"""The norm of many tensors, whole or shared out over ranks, and whether all of a module's weights are numbers."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.distributed.tensor import DTensor


def total_norm(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the 2-norm over all tensors, (); where they are sharded every rank must ask, and gets the whole."""
    norm = torch.nn.utils.get_total_norm(tensors)
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def is_finite(module: nn.Module) -> bool:
    """Whether every weight is finite: one pass over them. All ranks must ask where they are sharded."""
    return bool(total_norm(parameter.detach() for parameter in module.parameters()).isfinite())
