import math
import warnings
from collections.abc import Sequence

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from past.models.stpath.attention import PackedSlides, distance_attention
from past.nn.kernels.flex import flex_available, flex_distance_attention
from past.nn.kernels.linear import ONEDNN

LENGTHS = (5, 0, 1, 9)
HEADS, SPOTS, WIDTH = 3, sum(LENGTHS), 4


def inputs(dtype: torch.dtype = torch.float64, device: str = "cpu", width: int = WIDTH) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(3, HEADS, SPOTS, width, generator=generator, dtype=dtype)
    coords = torch.rand(SPOTS, 2, generator=generator, dtype=dtype) * 100
    weight = torch.randn(HEADS, generator=generator, dtype=dtype) * 0.05
    return [tensor.to(device) for tensor in (qkv, weight, coords)]


def plain(
    qkv: torch.Tensor, weight: torch.Tensor, coords: torch.Tensor, lengths: Sequence[int] = LENGTHS
) -> torch.Tensor:
    q, k, v = qkv
    slide = torch.repeat_interleave(torch.tensor(lengths))
    distance = (coords[:, None] - coords).square().sum(-1).sqrt()
    logits = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]) + weight[:, None, None] * distance
    return logits.masked_fill(slide[:, None] != slide, -math.inf).softmax(-1) @ v


@pytest.mark.parametrize("kept", [0, 2**20])
@pytest.mark.parametrize("chunk", [1, 2, None])
def test_equals_plain_attention_and_its_gradients(
    chunk: int | None, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("past.models.stpath.attention.KEPT", kept)
    *leaves, coords = inputs()
    leaves = [leaf.requires_grad_() for leaf in leaves]
    ours = distance_attention(*leaves, PackedSlides(coords, LENGTHS, chunk))
    theirs = plain(*leaves, coords)
    torch.testing.assert_close(ours, theirs)
    towards = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=ours.dtype)
    for a, b in zip(
        torch.autograd.grad(ours, leaves, towards), torch.autograd.grad(theirs, leaves, towards), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.skipif(not ONEDNN, reason="needs a CPU with AVX-512 and a torch built with oneDNN")
@pytest.mark.parametrize(("many", "recorded", "products"), [(300, False, 4), (1000, False, 0), (300, True, 0)])
def test_large_slides_without_gradients_go_through_onednn(
    many: int, recorded: bool, products: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("past.models.stpath.attention.MANY", many)
    generator = torch.Generator().manual_seed(0)
    qkv, coords = torch.randn(3, 2, 420, 8, generator=generator), torch.rand(420, 2, generator=generator) * 100
    weight = torch.tensor([-0.05, 0.02])
    with profile(activities=[ProfilerActivity.CPU]) as profiler, torch.set_grad_enabled(recorded):
        found = distance_attention(qkv, weight, PackedSlides(coords, [400, 20]))
    calls = {event.key: event.count for event in profiler.key_averages()}
    # two heads, two products each, of the large slide's first 384 queries; the rest goes through the fused kernel
    assert calls.get("mkldnn::_linear_pointwise", 0) == products
    assert calls["aten::scaled_dot_product_attention"] == 4
    torch.testing.assert_close(found, plain(qkv, weight, coords, (400, 20)))


def test_small_slides_distances_are_made_once() -> None:
    slides = PackedSlides(inputs()[2], LENGTHS, 2)
    first, again = (list(slides.blocks(heads=1)) for _ in range(2))
    for (queries, keys, distances), (*_, kept) in zip(first, again, strict=True):
        assert kept is distances
        torch.testing.assert_close(distances, torch.cdist(slides.coords[queries], slides.coords[keys]))


def test_gradients_under_dropout_are_those_of_the_dropped_weights() -> None:
    *leaves, coords = inputs()
    leaves = [leaf.requires_grad_() for leaf in leaves]
    slides = PackedSlides(coords, LENGTHS, 2)

    def fixed(*tensors: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)  # numerical differences need the same weights dropped in every call
        return distance_attention(*tensors, slides, 0.3)

    assert torch.autograd.gradcheck(fixed, leaves)


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    (q, k, _), weight, coords = inputs(torch.float32)
    slides = PackedSlides(coords, LENGTHS)
    identity = torch.eye(SPOTS).expand(HEADS, SPOTS, SPOTS)  # values that make the output the weights themselves
    q, k = (torch.nn.functional.pad(t, (0, SPOTS - WIDTH)) for t in (q, k))
    qkv = torch.stack([q, k, identity])
    torch.manual_seed(0)
    draws = torch.stack([distance_attention(qkv, weight, slides, 0.25) for _ in range(2000)])
    expected = distance_attention(qkv, weight, slides)
    torch.testing.assert_close(draws.mean(0), expected, atol=0.05, rtol=0)
    assert (draws == 0)[:, expected > 0].float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_distances_stay_float32_under_autocast() -> None:
    qkv, weight, coords = inputs(torch.float32)
    weight = weight * 10  # a bias of tens, as published weights have: bfloat16 would be off by percents
    slides = PackedSlides(coords, LENGTHS)
    expected = plain(qkv, weight, coords)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(distance_attention(qkv, weight, slides), expected)
    low = distance_attention(qkv.bfloat16(), weight, slides)
    assert low.dtype == torch.bfloat16


def test_fused_kernel_gives_the_same_numbers_uncompiled() -> None:
    qkv, weight, coords = inputs(torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch says that this form is slow; only its numbers matter here
        fused = flex_distance_attention(*qkv, weight, coords, LENGTHS)
    torch.testing.assert_close(fused, plain(qkv, weight, coords))


@pytest.mark.gpu
def test_fused_kernel_gives_the_same_numbers_on_a_gpu() -> None:
    if not (torch.cuda.is_available() and flex_available(torch.device("cuda"))):
        pytest.skip("needs a CUDA GPU of compute capability 8.0")
    qkv, weight, coords = inputs(torch.float32, width=16)
    expected = plain(qkv, weight, coords)
    fused = distance_attention(qkv.cuda(), weight.cuda(), PackedSlides(coords.cuda(), LENGTHS))
    torch.testing.assert_close(fused.cpu(), expected, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize(("logits", "rows"), [(5 * 2**24, 1024), (700 * 1500, 512), (200 * 1500, 200), (1500, 64)])
def test_chunks_are_whole_tiles_where_the_logits_at_a_time_allow(
    logits: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("past.models.stpath.attention.KEPT", 0)
    monkeypatch.setattr("past.models.stpath.attention.LOGITS", logits)
    slides = PackedSlides(torch.zeros(1500, 2), [1500])
    queries = [block[0] for block in slides.blocks(heads=1)]
    assert queries[0] == slice(0, rows)
    assert [one.stop for one in queries[:-1]] == [one.start for one in queries[1:]]
    assert queries[-1].stop == 1500
