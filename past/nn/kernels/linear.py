"""Linear maps on a CPU, where no gradient is wanted: by oneDNN's matrix product in place of MKL's, which torch takes.

What it pays, in STPath's prediction of 3,798 spots (float32, two cores of an AVX-512 server CPU, best of 6 in turn):
without oneDNN in linear maps and attention (`distance_attention.py`) the same takes 1.16 times as long, without
it in linear maps alone 1.03 times, and 1.13 times without `by_rows`, whose blocks oneDNN needs.

The switch is `ONEDNN`: None where this CPU or this torch lacks what is needed, and then all of it is torch's own.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

UNIT = 128  # oneDNN is given multiples of this many rows: it keeps some 0.6 MB for each shape that it has seen
ROWS_AT_ONCE = 4 * UNIT  # rows that `by_rows` takes at a time


def find_onednn(name: str = "_linear_pointwise") -> Callable[..., torch.Tensor] | None:
    """Return torch's call of oneDNN's linear map; None where the CPU has no AVX-512, or torch no such call.

    It is private to torch (`torch.ops.mkldnn`), and so tried once on numbers whose result is known. Public ways exist
    only for weights that are converted beforehand.
    """
    if not (torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"):
        return None
    try:
        call = getattr(torch.ops.mkldnn, name)
        found = call(torch.ones(2, 3), torch.ones(1, 3), torch.ones(1), "none", [], "")
    except (AttributeError, RuntimeError, TypeError):
        return None
    return call if found.tolist() == [[4.0], [4.0]] else None


ONEDNN = find_onednn()


def takes_onednn(x: torch.Tensor) -> bool:
    """Tell whether `linear` of x (N, I) may go through oneDNN: float32 on a CPU, N a multiple of UNIT.

    Not while gradients are recorded, nor under autocast, nor when compiled: there torch does it.
    """
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling():
        return False
    suits = x.ndim == 2 and x.dtype == torch.float32 and x.device.type == "cpu" and len(x) % UNIT == 0
    return ONEDNN is not None and suits


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Return x · weightᵀ + bias, (…, O), of x (…, I), weight (O, I) and bias (O,), as torch's does up to rounding."""
    fits = weight.dtype == x.dtype and weight.shape[-1] == x.shape[-1]  # where they do not, torch says what is wrong
    if takes_onednn(x) and fits and (bias is None or bias.is_contiguous()):
        onednn: Any = ONEDNN
        return onednn(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    """nn.Linear, computed by `linear`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return (…, out_features) from (…, in_features)."""
        return linear(input, self.weight, self.bias)


def by_rows(layer: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """Return layer(x) of x (N, …) for a layer that treats each row alone, N along `dim` of what it returns.

    Where no gradient is wanted, some rows go at a time: what lies between the layer's steps stays in a core's cache,
    and all blocks but the last have a number of rows that oneDNN takes. The result is contiguous.
    """
    if torch.is_grad_enabled():
        return layer(x)
    out = x.new_empty(0)
    for start in range(0, max(1, len(x)), ROWS_AT_ONCE):
        rows = layer(x[start : start + ROWS_AT_ONCE])
        if start == 0:
            out = rows.new_empty(*rows.shape[:dim], len(x), *rows.shape[dim + 1 :])
        out.narrow(dim, start, rows.shape[dim]).copy_(rows)
    return out
