"""Linear maps of a CPU that wants no gradient: by oneDNN's kernel, which is the faster one there."""

import torch
import torch.nn.functional as F
from torch import nn

ONEDNN = torch.backends.mkldnn.is_available() and torch.backends.cpu.get_cpu_capability() == "AVX512"


def takes_onednn(x: torch.Tensor) -> bool:
    """Tell whether `linear` of x goes through oneDNN: float32 on a CPU with AVX-512, without gradients and autocast.

    Of STPath's maps (3,798 rows, 512 to 1,536 columns) oneDNN makes 209 to 215 GFLOP/s and torch's own way, MKL, 179
    to 189, on two cores of an AMD EPYC (Zen 4). Other processors were not measured: they keep torch's way.
    """
    plain = ONEDNN and x.device.type == "cpu" and x.dtype == torch.float32
    return plain and not torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")


def linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
    """Return x · weightᵀ + bias, (…, O), of x (…, I), weight (O, I) and bias (O,), as torch's does up to rounding."""
    if takes_onednn(x) and weight.dtype == x.dtype and weight.shape[-1] == x.shape[-1]:  # else torch says what is wrong
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return F.linear(x, weight, bias)


class Linear(nn.Linear):
    """nn.Linear, computed by `linear`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (…, out_features) from (…, in_features)."""
        return linear(x, self.weight, self.bias)
