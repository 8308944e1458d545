"""Linear maps of a CPU that wants no gradient: by oneDNN's kernel, which was measured to be the faster one."""

import torch
import torch.nn.functional as F
from torch import nn

ONEDNN = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"
WHOLE = 128  # rows come in multiples of this: oneDNN keeps some 0.6 MB for each shape it has seen, up to a thousand


def takes_onednn(x: torch.Tensor) -> bool:
    """Tell whether `linear` of x (N, I) goes through oneDNN: N a multiple of 128, float32 on a CPU with AVX-512.

    Not while gradients are recorded, nor under autocast, nor when compiled. Of STPath's maps, 512 to 1,536 columns of
    3,798 rows, oneDNN makes 209 to 215 GFLOP/s and torch's own way, MKL, 179 to 189, on two cores of an AMD EPYC
    (Zen 4); other processors with AVX-512 were not measured.
    """
    torchs = torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or torch.compiler.is_compiling()
    suits = x.ndim == 2 and x.dtype == torch.float32 and x.device.type == "cpu" and len(x) % WHOLE == 0
    return ONEDNN and suits and not torchs


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Return x · weightᵀ + bias, (…, O), of x (…, I), weight (O, I) and bias (O,), as torch's does up to rounding."""
    fits = weight.dtype == x.dtype and weight.shape[-1] == x.shape[-1]  # where they do not, torch says what is wrong
    if takes_onednn(x) and fits and (bias is None or bias.is_contiguous()):
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    """nn.Linear, computed by `linear`."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Return (…, out_features) from (…, in_features)."""
        return linear(input, self.weight, self.bias)
