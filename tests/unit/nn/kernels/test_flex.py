import warnings

import pytest
import torch
from plain_attention import LENGTHS, inputs, plain_attention

from past.nn.kernels.flex import flex_available, flex_distance_attention


def test_fused_kernel_gives_the_same_numbers_uncompiled() -> None:
    qkv, weight, coords = inputs(torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch says that this form is slow; only its numbers matter here
        fused = flex_distance_attention(*qkv, weight, coords, LENGTHS)
    torch.testing.assert_close(fused, plain_attention(qkv, weight, coords))


def test_a_cpu_has_no_fused_kernel() -> None:
    assert not flex_available(torch.device("cpu"))


@pytest.mark.gpu
def test_fused_kernel_gives_the_same_numbers_on_a_gpu() -> None:
    if not (torch.cuda.is_available() and flex_available(torch.device("cuda"))):
        pytest.skip("needs a CUDA GPU of compute capability 8.0")
    qkv, weight, coords = inputs(torch.float32, width=16)
    fused = flex_distance_attention(*qkv.cuda(), weight.cuda(), coords.cuda(), LENGTHS)
    torch.testing.assert_close(fused.cpu(), plain_attention(qkv, weight, coords), atol=2e-3, rtol=2e-3)
