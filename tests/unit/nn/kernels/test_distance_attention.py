import pytest
import torch
from plain_attention import HEADS, LENGTHS, SPOTS, WIDTH, inputs, plain_attention
from torch.profiler import ProfilerActivity, profile

from past.nn.kernels import linear
from past.nn.kernels.distance_attention import chunked_distance_attention
from past.nn.kernels.packed_slides import PackedSlides


@pytest.mark.parametrize("kept", [0, 2**20])
@pytest.mark.parametrize("chunk", [1, 2, None])
def test_equals_plain_attention_and_its_gradients(
    chunk: int | None, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("past.nn.kernels.packed_slides.KEPT", kept)
    *leaves, coords = inputs()
    leaves = [leaf.requires_grad_() for leaf in leaves]
    ours = chunked_distance_attention(*leaves, PackedSlides(coords, LENGTHS, chunk))
    theirs = plain_attention(*leaves, coords)
    torch.testing.assert_close(ours, theirs)
    towards = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=ours.dtype)
    for a, b in zip(
        torch.autograd.grad(ours, leaves, towards), torch.autograd.grad(theirs, leaves, towards), strict=True
    ):
        torch.testing.assert_close(a, b)


def large() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    qkv, coords = torch.randn(3, 2, 420, 8, generator=generator), torch.rand(420, 2, generator=generator) * 100
    return [qkv, torch.tensor([-0.05, 0.02]), coords]


@pytest.mark.skipif(linear.ONEDNN is None, reason="needs a CPU with AVX-512 and a torch built with oneDNN")
@pytest.mark.parametrize(("many", "recorded", "products"), [(300, False, 4), (1000, False, 0), (300, True, 0)])
def test_large_slides_without_gradients_go_through_onednn(
    many: int, recorded: bool, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("past.nn.kernels.distance_attention.MANY", many)
    qkv, weight, coords = large()
    with profile(activities=[ProfilerActivity.CPU]) as profiler, torch.set_grad_enabled(recorded):
        found = chunked_distance_attention(qkv, weight, PackedSlides(coords, [400, 20]))
    calls = {event.key: event.count for event in profiler.key_averages()}
    # two heads, two products each, of the large slide's first 384 queries; the rest goes through the fused kernel
    assert calls.get("mkldnn::_linear_pointwise", 0) == products
    assert calls["aten::scaled_dot_product_attention"] == 4
    torch.testing.assert_close(found, plain_attention(qkv, weight, coords, (400, 20)))


@torch.no_grad()
def test_without_onednn_the_numbers_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.nn.kernels.distance_attention.MANY", 300)
    monkeypatch.setattr(linear, "ONEDNN", None)
    qkv, weight, coords = large()
    found = chunked_distance_attention(qkv, weight, PackedSlides(coords, [400, 20]))
    torch.testing.assert_close(found, plain_attention(qkv, weight, coords, (400, 20)))


@pytest.mark.parametrize("kept", [0, 2**20])
def test_gradients_under_dropout_are_those_of_the_dropped_weights(kept: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.nn.kernels.packed_slides.KEPT", kept)
    *leaves, coords = inputs()
    leaves = [leaf.requires_grad_() for leaf in leaves]
    slides = PackedSlides(coords, LENGTHS, 2)

    def fixed(*tensors: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)  # numerical differences need the same weights dropped in every call
        return chunked_distance_attention(*tensors, slides, 0.3)

    assert torch.autograd.gradcheck(fixed, leaves)


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    (q, k, _), weight, coords = inputs(torch.float32)
    slides = PackedSlides(coords, LENGTHS)
    identity = torch.eye(SPOTS).expand(HEADS, SPOTS, SPOTS)  # values that make the output the weights themselves
    q, k = (torch.nn.functional.pad(t, (0, SPOTS - WIDTH)) for t in (q, k))
    qkv = torch.stack([q, k, identity])
    torch.manual_seed(0)
    draws = torch.stack([chunked_distance_attention(qkv, weight, slides, 0.25) for _ in range(2000)])
    expected = chunked_distance_attention(qkv, weight, slides)
    torch.testing.assert_close(draws.mean(0), expected, atol=0.05, rtol=0)
    assert (draws == 0)[:, expected > 0].float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_distances_stay_float32_under_autocast() -> None:
    qkv, weight, coords = inputs(torch.float32)
    weight = weight * 10  # a bias of tens, as published weights have: bfloat16 would be off by percents
    slides = PackedSlides(coords, LENGTHS)
    expected = plain_attention(qkv, weight, coords)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(chunked_distance_attention(qkv, weight, slides), expected)
    low = chunked_distance_attention(qkv.bfloat16(), weight, slides)
    assert low.dtype == torch.bfloat16
