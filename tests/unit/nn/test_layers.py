import copy
import pickle

import pytest
import torch
from torch import nn

from past.models.past.fusion import CrossAttention
from past.nn.layers import Attention, PackedSentences, PostNormLayer, ProjectionHead, masked_mean


def test_attention_is_torchs_with_the_same_weights() -> None:
    torch.manual_seed(0)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True)
    ours = Attention(12, 3)
    ours.qkv.load_state_dict({"weight": theirs.in_proj_weight, "bias": torch.randn(36)})
    ours.out.load_state_dict({"weight": theirs.out_proj.weight, "bias": torch.randn(12)})
    theirs.in_proj_bias.data, theirs.out_proj.bias.data = ours.qkv.bias.data, ours.out.bias.data
    x, keys = torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    keep = torch.tensor([[True, True, True, True, False], [True, False, True, False, False]])
    own = ours(x, x, keep[:, None, None])
    torch.testing.assert_close(own, theirs(x, x, x, key_padding_mask=~keep)[0], rtol=1e-5, atol=1e-6)
    bias = torch.randn(5, 4)
    torch.testing.assert_close(ours(x, keys, bias), theirs(x, keys, keys, attn_mask=bias)[0], rtol=1e-5, atol=1e-6)


def test_post_norm_layer_is_torchs_encoder_layer() -> None:
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(8, 2, 20, dropout=0.0, batch_first=True).train()
    ours = PostNormLayer(8, 2, 20, 0.0)
    parameters = dict(theirs.named_parameters())
    pairs = {"attention.qkv": "self_attn.in_proj_", "attention.out": "self_attn.out_proj.", "expand": "linear1."}
    pairs |= {"contract": "linear2.", "attention_norm": "norm1.", "feedforward_norm": "norm2."}
    ours.load_state_dict(
        {f"{own}.{kind}": parameters[f"{name}{kind}"] for own, name in pairs.items() for kind in ("weight", "bias")}
    )
    x, keep = torch.randn(3, 6, 8), torch.rand(3, 6) < 0.7
    keep[:, 0] = True
    expected = theirs(x, src_key_padding_mask=~keep)
    every, real = PackedSentences(torch.ones_like(keep), keep), PackedSentences(keep, keep)
    torch.testing.assert_close(every.unpack(ours(every.pack(x), every)), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(ours(real.pack(x), real), expected[keep], rtol=1e-5, atol=1e-6)


def test_projection_head_drops_only_while_training() -> None:
    torch.manual_seed(0)
    head, x = ProjectionHead(6, 4, dropout=0.5), torch.randn(64, 6)
    assert not torch.equal(head(x), head(x))
    head.eval()
    p = head.project(x)
    expected = nn.functional.layer_norm(p + head.mix(nn.functional.gelu(p)), (4,))
    torch.testing.assert_close(head(x), expected)


def test_masked_mean_of_nothing_is_zero() -> None:
    x = torch.tensor([[[1.0], [3.0], [100.0]], [[1.0], [2.0], [3.0]]])
    keep = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_mean(x, keep).tolist() == [[2.0], [0.0]]


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
def test_a_part_remembers_its_arguments_through_copies(duplicate: object) -> None:
    part = CrossAttention(8, heads=2)
    assert part.config == {"part": "CrossAttention", "width": 8, "heads": 2}
    again = duplicate(part)  # type: ignore[operator]
    assert again.config == part.config
    assert torch.equal(again.attention.qkv.weight, part.attention.qkv.weight)


def test_each_dropout_of_a_layer_has_its_place() -> None:
    """With one of them taking all, the layer is what is left: by hand."""
    torch.manual_seed(0)
    layer, x = PostNormLayer(8, 2, 20, 0.0), torch.randn(1, 5, 8)
    words = PackedSentences(torch.ones(1, 5, dtype=torch.bool), torch.ones(1, 5, dtype=torch.bool))
    attended = layer.attention.within(x[0], words)
    first = layer.attention_norm(x[0] + attended)
    for place, expected in (
        (0, layer.attention_norm(x[0])),
        (1, layer.feedforward_norm(first + layer.contract.bias)),
        (2, layer.feedforward_norm(first)),
    ):
        taking = copy.deepcopy(layer)
        taking.dropouts[place] = Nothing()
        found = taking(x[0], words)
        if place == 0:
            inner = layer.contract(nn.functional.relu(layer.expand(expected)))
            expected = layer.feedforward_norm(expected + inner)
        torch.testing.assert_close(found, expected)


class Nothing(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.zeros_like(x)
