"""Fixtures: files of PAST's released form at tiny sizes, made of torch's own modules where the authors use them."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn

WIDTH, DIM, CONTEXT, GENES, HIDDEN = 32, 16, 12, 10, 8
ROWS = GENES + 30 + 5


class PublishedCellEncoder(nn.Module):
    def __init__(self, rows: int, context: int, eps: float) -> None:
        super().__init__()
        self.encoder_layer = nn.TransformerEncoderLayer(WIDTH, 1, 64, 0.0, batch_first=True, layer_norm_eps=eps)
        self.encoder = nn.TransformerEncoder(self.encoder_layer, 2, enable_nested_tensor=False)
        self.embeddings = nn.Embedding(rows, WIDTH, padding_idx=1)
        self.positional_embedding = nn.Embedding(context, WIDTH)
        # TransformerEncoder copies one layer; trained ones differ.
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.1)

    def forward(self, sentence: torch.Tensor) -> torch.Tensor:
        """(B, context) → (B, width): the mean over all positions from the third on."""
        x = self.embeddings(sentence) + self.positional_embedding.weight
        return self.encoder(x, src_key_padding_mask=sentence == 1)[:, 3:].mean(1)


def _head(prefix: str, width: int) -> dict[str, torch.Tensor]:
    return {
        f"{prefix}.projection.weight": torch.randn(DIM, width),
        f"{prefix}.projection.bias": torch.randn(DIM),
        f"{prefix}.fc.weight": torch.randn(DIM, DIM),
        f"{prefix}.fc.bias": torch.randn(DIM),
        f"{prefix}.layer_norm.weight": torch.randn(DIM),
        f"{prefix}.layer_norm.bias": torch.randn(DIM),
    }


def _niche() -> dict[str, torch.Tensor]:
    state = {"distance_transform.0.weight": torch.randn(1, 1), "distance_transform.0.bias": torch.randn(1)}
    for i, (before, after) in enumerate([(CONTEXT, HIDDEN), (HIDDEN, WIDTH)]):
        state |= {f"convs.{i}.{name}": torch.randn(1, 1, after) for name in ("att_src", "att_dst")}
        state |= {f"convs.{i}.bias": torch.randn(after), f"convs.{i}.lin.weight": torch.randn(after, before)}
        state |= {f"norms.{i}.{name}": torch.randn(after) for name in ("weight", "bias")}
    return {f"graph_encoder.{name}": value for name, value in state.items()}


def _linear(name: str, before: int, after: int) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.randn(after, before), f"{name}.bias": torch.randn(after)}


def _norm(name: str) -> dict[str, torch.Tensor]:
    return {f"{name}.weight": torch.randn(WIDTH), f"{name}.bias": torch.randn(WIDTH)}


FUSIONS: dict[str, Callable[[], dict[str, torch.Tensor]]] = {
    "Add": dict,
    "WeightedAdd": lambda: {"alpha": torch.tensor(0.3)},
    "Gated": lambda: _linear("gate_net.0", 2 * WIDTH, WIDTH) | _linear("gate_net.2", WIDTH, 1),
    "Film": lambda: _linear("film_generator", WIDTH, 2 * WIDTH) | _norm("film_norm"),
    "Concat": lambda: _linear("fusion_layer.0", 2 * WIDTH, WIDTH) | _norm("fusion_layer.1"),
    "CrossAttention": lambda: {
        "attn_bias": torch.tensor([[0.0, -1.0]]),
        **{f"fusion_layer.{name}": value for name, value in nn.MultiheadAttention(WIDTH, 4).state_dict().items()},
        **_norm("fusion_norm"),
    },
}


@pytest.fixture
def uni() -> nn.Module:
    """UNI's architecture, small."""
    options = {"img_size": 32, "patch_size": 16, "embed_dim": 64, "depth": 2, "num_heads": 1, "init_values": 1e-5}
    return timm.create_model("vit_large_patch16_224", num_classes=0, dynamic_img_size=True, **options).eval()


@pytest.fixture
def published_cell_encoder() -> PublishedCellEncoder:
    """PAST's cell encoder, small."""
    torch.manual_seed(0)
    return PublishedCellEncoder(ROWS, CONTEXT, eps=1e-5).eval()


@pytest.fixture
def nicheformer() -> PublishedCellEncoder:
    """Nicheformer's encoder, small; its layer norms have another epsilon."""
    torch.manual_seed(1)
    return PublishedCellEncoder(ROWS, CONTEXT, eps=1e-12).eval()


@pytest.fixture
def released(uni: nn.Module, published_cell_encoder: nn.Module) -> Callable[[str], dict[str, torch.Tensor]]:
    """A function from a fusion's name to a state dict with the released names."""

    def make(fusion: str) -> dict[str, torch.Tensor]:
        return {
            "temperature": torch.tensor(0.05),
            **{f"image_encoder.model.{name}": value for name, value in uni.state_dict().items()},
            **{f"cell_encoder.{name}": value for name, value in published_cell_encoder.state_dict().items()},
            **_niche(),
            **_head("image_projection", 64),
            **_head("cell_projection", WIDTH),
            **FUSIONS[fusion](),
        }

    return make
