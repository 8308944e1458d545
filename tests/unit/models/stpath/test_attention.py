import pytest
import torch
from plain_attention import LENGTHS, SPOTS, inputs, plain_attention

from past.models.stpath.attention import SpatialAttention, distance_attention
from past.nn.kernels.flex import flex_available
from past.nn.kernels.packed_slides import PackedSlides

DIM, HEADS = 8, 2


@pytest.fixture
def layer() -> SpatialAttention:
    torch.manual_seed(0)
    return SpatialAttention(DIM, HEADS, dropout=0.5, attention_dropout=0.5).eval()


def test_attends_within_each_slide_by_products_and_distance() -> None:
    qkv, weight, coords = inputs()
    found = distance_attention(qkv, weight, PackedSlides(coords, LENGTHS))
    torch.testing.assert_close(found, plain_attention(qkv, weight, coords))


@pytest.mark.gpu
def test_the_same_numbers_on_a_gpu() -> None:
    if not (torch.cuda.is_available() and flex_available(torch.device("cuda"))):
        pytest.skip("needs a CUDA GPU of compute capability 8.0")
    qkv, weight, coords = inputs(torch.float32, width=16)
    found = distance_attention(qkv.cuda(), weight.cuda(), PackedSlides(coords.cuda(), LENGTHS))
    torch.testing.assert_close(found.cpu(), plain_attention(qkv, weight, coords), atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("recorded", [True, False])
def test_the_layer_is_norm_attention_and_a_linear_map(layer: SpatialAttention, recorded: bool) -> None:
    x, coords = torch.randn(SPOTS, DIM), torch.rand(SPOTS, 2) * 100
    with torch.set_grad_enabled(recorded):
        found = layer(x, PackedSlides(coords, LENGTHS))
        qkv = torch.nn.functional.linear(layer.norm(x), layer.qkv.weight, layer.qkv.bias)
        heads = torch.stack([part.view(SPOTS, HEADS, -1).transpose(0, 1) for part in qkv.chunk(3, dim=1)])
        mixed = plain_attention(heads, layer.edge.weight[:, 2], coords).transpose(0, 1).flatten(1)
        expected = torch.nn.functional.linear(mixed, layer.out.weight, layer.out.bias)
    torch.testing.assert_close(found, expected)


def test_training_starts_at_the_slopes_of_alibi(layer: SpatialAttention) -> None:
    assert layer.edge.weight[:, 2].tolist() == [-(2**-4), -(2**-8)]


def test_published_frame_coordinates_are_inert(layer: SpatialAttention) -> None:
    layer(torch.randn(SPOTS, DIM), PackedSlides(torch.rand(SPOTS, 2), LENGTHS)).square().sum().backward()
    grad = layer.edge.weight.grad
    assert grad is not None
    assert torch.count_nonzero(grad[:, :2]) == 0
    assert torch.count_nonzero(grad[:, 2]) == HEADS
