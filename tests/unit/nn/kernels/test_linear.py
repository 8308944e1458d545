"""A linear map without gradients is the linear map, whichever library computes it."""

import pytest
import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from past.nn.kernels import linear as kernel
from past.nn.kernels.linear import UNIT, Linear, by_rows, find_onednn, linear

generator = torch.Generator().manual_seed(0)
WIDTH = 24
WHOLE_ROWS = torch.randn(UNIT, WIDTH, generator=generator)
INPUTS = {
    "no rows": torch.empty(0, WIDTH),
    "a vector": torch.randn(WIDTH, generator=generator),
    "whole rows": WHOLE_ROWS,
    "rows": torch.randn(UNIT + 1, WIDTH, generator=generator),
    "every second column": torch.randn(UNIT, 2 * WIDTH, generator=generator)[:, ::2],
    "columns first": torch.randn(WIDTH, UNIT, generator=generator).T,
    "slides of rows": torch.randn(UNIT, 3, WIDTH, generator=generator),
}


@pytest.fixture
def layer() -> Linear:
    torch.manual_seed(0)
    return Linear(WIDTH, 40)


@torch.no_grad()
@pytest.mark.parametrize("name", INPUTS)
def test_numbers_are_the_linear_maps(layer: Linear, name: str) -> None:
    x, spread = INPUTS[name], torch.randn(80)[::2]
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))
    torch.testing.assert_close(linear(x, layer.weight, spread), F.linear(x, layer.weight, spread))
    torch.testing.assert_close(linear(x, layer.weight), F.linear(x, layer.weight))


@pytest.mark.skipif(kernel.ONEDNN is None, reason="needs a CPU with AVX-512 and a torch built with oneDNN")
@pytest.mark.parametrize(
    ("rows", "recorded", "onednn"), [(UNIT, False, True), (UNIT + 1, False, False), (UNIT, True, False)]
)
def test_whole_rows_without_gradients_go_through_onednn(layer: Linear, rows: int, recorded: bool, onednn: bool) -> None:
    with profile(activities=[ProfilerActivity.CPU]) as profiler, torch.set_grad_enabled(recorded):
        layer(INPUTS["rows"][:rows])
    assert any(event.key == "mkldnn::_linear_pointwise" for event in profiler.key_averages()) is onednn


@torch.no_grad()
def test_compiled_it_is_torchs(layer: Linear) -> None:
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _: object) -> torch.fx.GraphModule:
        graphs.append(graph)
        return graph

    assert torch.equal(
        torch.compile(layer, backend=backend)(WHOLE_ROWS), F.linear(WHOLE_ROWS, layer.weight, layer.bias)
    )
    assert [node.target for node in graphs[0].graph.nodes if node.op == "call_function"] == [F.linear]


def test_gradients_are_the_linear_maps(layer: Linear) -> None:
    found = torch.autograd.grad(layer(WHOLE_ROWS).square().sum(), [layer.weight, layer.bias])
    expected = F.linear(WHOLE_ROWS, layer.weight, layer.bias).square().sum()
    for ours, theirs in zip(found, torch.autograd.grad(expected, [layer.weight, layer.bias]), strict=True):
        assert torch.equal(ours, theirs)


@torch.no_grad()
def test_other_types_stay_themselves(layer: Linear) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(WHOLE_ROWS).dtype == torch.bfloat16
    for kind in (torch.float64, torch.bfloat16, torch.float16):
        assert layer.to(kind)(WHOLE_ROWS.to(kind)).dtype == kind


@torch.no_grad()
def test_what_does_not_fit_is_said_in_torchs_words(layer: Linear) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        layer(torch.randn(UNIT, 7))
    with pytest.raises(RuntimeError, match="dtype"):
        layer.double()(WHOLE_ROWS)


@pytest.mark.skipif(kernel.ONEDNN is None, reason="needs a CPU with AVX-512 and a torch built with oneDNN")
def test_torchs_private_call_of_onednn_is_still_there() -> None:
    call = find_onednn()
    assert call is not None
    found = call(
        torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]]), torch.tensor([7.0, 8.0]), "none", [], ""
    )
    assert found.tolist() == [[18.0, 25.0]]


@torch.no_grad()
def test_a_torch_without_that_call_computes_the_same(layer: Linear, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_onednn("_no_such_call") is None
    monkeypatch.setattr(kernel, "ONEDNN", None)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        assert torch.equal(layer(WHOLE_ROWS), F.linear(WHOLE_ROWS, layer.weight, layer.bias))
    assert not any(event.key == "mkldnn::_linear_pointwise" for event in profiler.key_averages())


def test_a_call_that_does_something_else_is_not_taken() -> None:
    assert find_onednn("_convolution_pointwise") is None


@pytest.mark.parametrize("rows", [0, 1, 3, 7])
@pytest.mark.parametrize("recorded", [True, False])
def test_rows_go_some_at_a_time(rows: int, recorded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "ROWS_AT_ONCE", 3)
    seen: list[int] = []

    def layer(x: torch.Tensor) -> torch.Tensor:
        seen.append(len(x))
        return torch.stack([x, 2 * x])  # the rows lie along the second axis of what comes out

    x = torch.arange(2.0 * rows).view(rows, 2)
    with torch.set_grad_enabled(recorded):
        found = by_rows(layer, x, dim=1)
    assert torch.equal(found, torch.stack([x, 2 * x]))
    assert found.is_contiguous()
    assert seen == ([rows] if recorded else {0: [0], 1: [1], 3: [3], 7: [3, 3, 1]}[rows])


def test_onednn_is_given_whole_units_of_float32_rows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.no_grad():
        assert not kernel.takes_onednn(WHOLE_ROWS) or kernel.ONEDNN is not None
        monkeypatch.setattr(kernel, "ONEDNN", F.linear)  # whatever this CPU has
        taken = {name for name, x in INPUTS.items() if kernel.takes_onednn(x)}
        assert taken == {"no rows", "whole rows", "every second column", "columns first"}
        assert not kernel.takes_onednn(WHOLE_ROWS.double())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not kernel.takes_onednn(WHOLE_ROWS)
    assert not kernel.takes_onednn(WHOLE_ROWS)
