"""A linear map without gradients is the linear map, whichever library computes it."""

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from past.models.linear import ONEDNN, Linear

INPUTS = {
    "no rows": torch.empty(0, 24),
    "a vector": torch.randn(24),
    "rows": torch.randn(700, 24),
    "every second column": torch.randn(5, 48)[:, ::2],
    "columns first": torch.randn(24, 5).T,
    "slides of rows": torch.randn(2, 3, 24),
}


@pytest.fixture
def layer() -> Linear:
    torch.manual_seed(0)
    return Linear(24, 40)


@pytest.mark.parametrize("name", INPUTS)
def test_numbers_are_the_linear_maps(layer: Linear, name: str) -> None:
    x = INPUTS[name]
    with torch.no_grad():
        found = layer(x)
    torch.testing.assert_close(found, F.linear(x, layer.weight, layer.bias))


@pytest.mark.skipif(not ONEDNN, reason="needs a CPU with AVX-512 and a torch built with oneDNN")
@pytest.mark.parametrize("wanted", [False, True])
def test_only_what_needs_no_gradient_goes_through_onednn(layer: Linear, wanted: bool) -> None:
    with profile(activities=[ProfilerActivity.CPU]) as profiler, torch.set_grad_enabled(wanted):
        layer(INPUTS["rows"])
    assert any(event.key == "mkldnn::_linear_pointwise" for event in profiler.key_averages()) is not wanted


def test_gradients_are_the_linear_maps(layer: Linear) -> None:
    x = INPUTS["rows"]
    found = torch.autograd.grad(layer(x).square().sum(), [layer.weight, layer.bias])
    expected = torch.autograd.grad(F.linear(x, layer.weight, layer.bias).square().sum(), [layer.weight, layer.bias])
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.equal(ours, theirs)


@torch.no_grad()
def test_other_types_stay_themselves(layer: Linear) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(INPUTS["rows"]).dtype == torch.bfloat16
    for kind in (torch.float64, torch.bfloat16, torch.float16):
        assert layer.to(kind)(INPUTS["rows"].to(kind)).dtype == kind
    assert layer.to("meta")(INPUTS["rows"].to("meta", kind)).is_meta


@pytest.mark.parametrize(("x", "message"), [(torch.randn(3, 7), "shapes"), (torch.randn(3, 24).double(), "dtype")])
@torch.no_grad()
def test_what_does_not_fit_is_said_in_torchs_words(layer: Linear, x: torch.Tensor, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        layer(x)
    with pytest.raises(RuntimeError, match="dtype"):
        layer.double()(torch.randn(3, 24))
