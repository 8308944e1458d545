"""All six fusions against numbers that the published program computed."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file

from past.checkpoints.keymap import apply_keymap
from past.models.past.batch import CellBatch
from past.models.past.cell_encoder import CellEncoder
from past.models.past.fusion import Add, Concat, CrossAttention, Film, Gated, WeightedAdd
from past.models.past.loss import soft_target
from past.models.past.model import PASTModel
from past.models.past.niche_encoder import NicheEncoder
from past.models.past.published import PAST_RULES
from past.models.past.vocabulary import PADDING
from past.nn.image_encoder import ImageEncoder

FUSIONS = {
    "add": Add,
    "weighted_add": WeightedAdd,
    "gated": Gated,
    "film": Film,
    "concat": Concat,
    "attention": CrossAttention,
}


def published_model(sizes: dict) -> PASTModel:
    width = sizes["dim"]
    options = {"img_size": 64, "patch_size": 16, "embed_dim": 48, "depth": 2, "num_heads": 3, "init_values": 1e-5}
    return PASTModel(
        # The reference's image is already normalised.
        ImageEncoder("vit_tiny_patch16_224", mean=(0, 0, 0), std=(1, 1, 1), options=options),
        CellEncoder(
            sizes["n_tokens"] + 5,
            context=sizes["context"],
            width=width,
            layers=sizes["layers"],
            heads=sizes["heads"],
            feedforward=sizes["feedforward"],
            pool="mean_with_padding",
        ),
        NicheEncoder(sizes["context"], hidden=sizes["niche_hidden"], width=width),
        FUSIONS[sizes["fusion"]](width),
        dim=sizes["projection_dim"],
        niche_features="token_ids",
    ).eval()


def own_cell_first(rows: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """The reference has the neighbours first and the cell last of the valid ones."""
    last = valid.sum(1) - 1
    order = torch.arange(rows.shape[1]).repeat(len(rows), 1)
    order[torch.arange(len(rows)), last] = 0
    order[:, 0] = last
    return rows[torch.arange(len(rows))[:, None], order]


def batch_of(numbers: dict[str, torch.Tensor], dtype: torch.dtype) -> CellBatch:
    valid = numbers["niche_valid"]
    tokens = own_cell_first(numbers["niche_tokens"].long(), valid)
    tokens = tokens.masked_fill(tokens == 0, PADDING)
    context_tokens = torch.stack([numbers[name].long() for name in ("modality", "assay", "species")], dim=1)
    n = len(tokens)
    return CellBatch(
        crops=numbers["image"].to(dtype),
        tokens=tokens,
        values=torch.zeros(tokens.shape, dtype=dtype),
        valid=valid,  # row 0 is always valid, so exchanging it with the last valid row changes nothing
        context_tokens=context_tokens,
        positions=torch.zeros(*valid.shape, 2),
        keys=[str(i) for i in range(n)],
        meta=[{} for _ in range(n)],
    )


def assert_same(ours: torch.Tensor, published: torch.Tensor, name: str) -> None:
    ours = ours.detach().float()
    error = (ours - published).norm() / published.norm()
    assert error < 1e-5, f"{name}: {error:.2e} relative in norm"
    # Elementwise, numbers far below the tensor's own size are compared with that size.
    atol = 1e-5 * published.abs().max().item()
    torch.testing.assert_close(ours, published, rtol=1e-5, atol=atol, msg=lambda said: f"{name}: {said}")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_reference_outputs_loss_and_gradients(fusion: str, dtype: torch.dtype, reference: Path) -> None:
    path = reference / f"past_{fusion}.safetensors"
    with safe_open(path, "pt") as file:
        sizes = json.loads(file.metadata()["config"])
    numbers = load_file(path)
    weights = {name.removeprefix("weights."): value for name, value in numbers.items() if name.startswith("weights.")}
    model = published_model(sizes)
    fit = apply_keymap(weights, model, PAST_RULES).raise_if_incomplete(path)
    assert set(fit.unused) == set(sizes["without_gradient"])
    model.load_state_dict(fit.state)
    model.to(dtype)

    batch = batch_of(numbers, dtype)
    seen: dict[str, torch.Tensor] = {}
    for name in ("image_encoder", "cell_encoder", "niche_encoder", "fusion", "image_head", "cell_head"):
        getattr(model, name).register_forward_hook(lambda _, __, out, name=name: seen.__setitem__(name, out))
    out = model(batch)
    loss = soft_target(out.cells, out.images, out.temperature)
    loss.backward()

    for ours, name in {
        "image_encoder": "image_features",
        "cell_encoder": "cell_features",
        "niche_encoder": "niche_features",
        "fusion": "fused",
        "image_head": "image_projection",
        "cell_head": "cell_projection",
    }.items():
        assert_same(seen[ours], numbers[f"out.{name}"], name)
    assert_same(out.images, F.normalize(numbers["out.image_projection"], dim=1), "images")
    assert_same(loss, numbers["out.loss"].squeeze(), "loss")
    gradients = {name.removeprefix("grad."): value for name, value in numbers.items() if name.startswith("grad.")}
    assert len(gradients) == 6
    parameters = dict(model.named_parameters())
    for name, published in gradients.items():
        (ours,) = apply_keymap({name: weights[name]}, model, PAST_RULES).state
        gradient = parameters[ours].grad
        assert gradient is not None
        if name == "temperature":
            # A sum of terms of size 1/τ² that nearly cancel: the published float32 number is only that good itself, and
            # ours is 4 roundings from it on a CPU without AVX-512.
            rounding = torch.finfo(torch.float32).eps / weights[name].item() ** 2
            torch.testing.assert_close(gradient[0].float(), published, rtol=0, atol=8 * rounding)
        else:
            assert_same(gradient.view(published.shape), published, name)
