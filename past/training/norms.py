"""The norm of many tensors, whole, sparse or shared out over ranks, and whether all weights of a module are numbers."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.distributed.tensor import DTensor


def total_norm(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """Return the 2-norm over all tensors, (); where they are sharded every rank must ask, and gets the whole."""
    # torch's own takes sparse tensors from 2.13 on
    norm = torch.nn.utils.get_total_norm([t.coalesce().values() if t.is_sparse else t for t in tensors])
    return norm.full_tensor() if isinstance(norm, DTensor) else norm


def clip_to_norm(parameters: Iterable[nn.Parameter], most: float) -> torch.Tensor:
    """Scale all gradients so that their 2-norm is at most `most`, and return the norm that they had, ()."""
    given = [parameter for parameter in parameters if parameter.grad is not None]
    norm = total_norm(parameter.grad for parameter in given if parameter.grad is not None)
    torch.nn.utils.clip_grads_with_norm_(given, most, norm)
    return norm


def is_finite(module: nn.Module) -> bool:
    """Whether all weights are finite and no buffer holds a NaN: one pass. All ranks must ask where they are sharded."""
    buffers = [buffer.isnan().any() for buffer in module.buffers() if buffer.is_floating_point()]
    weights = total_norm(parameter.detach() for parameter in module.parameters()).isfinite()
    return bool(weights) and not any(bool(nan) for nan in buffers)
