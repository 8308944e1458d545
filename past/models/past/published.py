"""Checkpoints that others released, read strictly into our models: PAST's own, UNI's and Nicheformer's."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from past.base.errors import CheckpointError, DataError
from past.base.genes import gene_hash
from past.checkpoints.keymap import Rule, apply_keymap
from past.checkpoints.saved import Saved
from past.models.past.cell_encoder import CONTEXT_TOKENS, CellEncoder
from past.models.past.fusion import Add, Concat, CrossAttention, Film, Gated, WeightedAdd
from past.models.past.model import PASTModel
from past.models.past.niche_encoder import NicheEncoder
from past.models.past.vocabulary import RESERVED
from past.nn.image_encoder import ImageEncoder
from past.nn.layers import Part
from past.nn.released_weights import read_released

State = Mapping[str, torch.Tensor]

SPARE_ROWS = 5  # both programs' token tables end with rows that no token uses
NICHEFORMER_GENES, NICHEFORMER_HASH = 20_310, "2100328d6c7832bf"  # the Ensembl ids, in order, that both number
# Numbers of heads cannot be read off a state dict; these are the published models' widths of a head.
IMAGE_HEAD, CELL_HEAD, FUSION_HEADS = 64, 32, 4


def _within(published: str, ours: str, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    return tuple((published + pattern, None if name is None else ours + name) for pattern, name in rules)


CELL_ENCODER_RULES: tuple[Rule, ...] = (
    (r"encoder_layer\..*", None),
    (r"embeddings\.weight", "tokens.weight"),
    (r"positional_embedding\.weight", "positions.weight"),
    (r"encoder\.layers\.(\d+)\.self_attn\.in_proj_(.*)", r"layers.\1.attention.qkv.\2"),
    (r"encoder\.layers\.(\d+)\.self_attn\.out_proj\.(.*)", r"layers.\1.attention.out.\2"),
    (r"encoder\.layers\.(\d+)\.linear1\.(.*)", r"layers.\1.expand.\2"),
    (r"encoder\.layers\.(\d+)\.linear2\.(.*)", r"layers.\1.contract.\2"),
    (r"encoder\.layers\.(\d+)\.norm1\.(.*)", r"layers.\1.attention_norm.\2"),
    (r"encoder\.layers\.(\d+)\.norm2\.(.*)", r"layers.\1.feedforward_norm.\2"),
)
NICHEFORMER_RULES: tuple[Rule, ...] = (
    # As its authors store it, or with Hugging Face's prefix; the heads serve its own pre-training.
    (r"(?:nicheformer\.)?(?:classifier_head|pooler_head|cls_head)\..*", None),
    *_within(r"(?:nicheformer\.)?", "", CELL_ENCODER_RULES),
)
PAST_RULES: tuple[Rule, ...] = (
    (r"graph_encoder\.distance_transform\..*", None),
    (r"(temperature|image_encoder\.model\..*)", r"\1"),
    *_within(r"cell_encoder\.", "cell_encoder.", CELL_ENCODER_RULES),
    (r"(image|cell)_projection\.projection\.(.*)", r"\1_head.project.\2"),
    (r"(image|cell)_projection\.fc\.(.*)", r"\1_head.mix.\2"),
    (r"(image|cell)_projection\.layer_norm\.(.*)", r"\1_head.norm.\2"),
    (r"graph_encoder\.convs\.(\d+)\.att_src", r"niche_encoder.layers.\1.source"),
    (r"graph_encoder\.convs\.(\d+)\.att_dst", r"niche_encoder.layers.\1.target"),
    (r"graph_encoder\.convs\.(\d+)\.bias", r"niche_encoder.layers.\1.bias"),
    (r"graph_encoder\.convs\.(\d+)\.lin\.weight", r"niche_encoder.layers.\1.linear.weight"),
    (r"graph_encoder\.norms\.(.*)", r"niche_encoder.norms.\1"),
    (r"alpha", "fusion.logit"),
    (r"gate_net\.0\.(.*)", r"fusion.mix.\1"),
    (r"gate_net\.2\.(.*)", r"fusion.gate.\1"),
    (r"film_generator\.(.*)", r"fusion.generate.\1"),
    (r"(?:film|fusion)_norm\.(.*)", r"fusion.norm.\1"),
    (r"fusion_layer\.0\.(.*)", r"fusion.mix.\1"),
    (r"fusion_layer\.1\.(.*)", r"fusion.norm.\1"),
    (r"attn_bias", "fusion.bias"),
    (r"fusion_layer\.in_proj_(.*)", r"fusion.attention.qkv.\1"),
    (r"fusion_layer\.out_proj\.(.*)", r"fusion.attention.out.\1"),
)


def _depth(state: State, layers: str) -> int:
    return 1 + max(int(name.removeprefix(layers).split(".")[0]) for name in state if name.startswith(layers))


def _below(state: State, prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def uni_for(state: State) -> ImageEncoder:
    """Build UNI's transformer (timm vit_large_patch16_224) with the sizes that `state` has, of random weights."""
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    options = {
        "img_size": patch * math.isqrt(state["pos_embed"].shape[1] - 1),
        "patch_size": patch,
        "embed_dim": width,
        "depth": _depth(state, "blocks."),
        "num_heads": max(1, width // IMAGE_HEAD),
        "init_values": 1e-5,
        "dynamic_img_size": True,
    }
    return ImageEncoder("vit_large_patch16_224", options=options)


def cell_encoder_for(state: State, pool: Literal["mean", "mean_with_padding"] = "mean") -> CellEncoder:
    """Build Nicheformer's transformer with the sizes that `state` has, of random weights."""
    vocabulary_size, width = state["embeddings.weight"].shape
    return CellEncoder(
        vocabulary_size,
        context=len(state["positional_embedding.weight"]),
        width=width,
        layers=_depth(state, "encoder.layers."),
        heads=max(1, width // CELL_HEAD),
        feedforward=len(state["encoder.layers.0.linear1.bias"]),
        pool=pool,
    )


def _fusion_for(state: State, width: int) -> Part:
    told_by: dict[str, Callable[[int], Part]] = {
        "attn_bias": lambda width: CrossAttention(width, heads=FUSION_HEADS),
        "alpha": WeightedAdd,
        "gate_net.0.weight": Gated,
        "film_generator.weight": Film,
        "fusion_layer.0.weight": Concat,
    }
    return next((make(width) for name, make in told_by.items() if name in state), Add(width))


def past_for(state: State) -> PASTModel:
    """Build PAST as published with the sizes that the released `state` has, of random weights."""
    cell_encoder = cell_encoder_for(_below(state, "cell_encoder."), pool="mean_with_padding")
    hidden, width_in = state["graph_encoder.convs.0.lin.weight"].shape
    return PASTModel(
        uni_for(_below(state, "image_encoder.model.")),
        cell_encoder,
        NicheEncoder(width_in, hidden=hidden, width=cell_encoder.width),
        _fusion_for(state, cell_encoder.width),
        dim=len(state["image_projection.fc.bias"]),
        niche_features="token_ids",
    )


def _fill(state: State, build: Callable[[State], Part], rules: Sequence[Rule], path: Path) -> Part:
    try:
        model = build(state)
    except (KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: no {error.args[0]} in it: the checkpoint of another program?") from error
    model.load_state_dict(apply_keymap(state, model, rules).raise_if_incomplete(path).state)
    return model.eval()


def import_past(path: Path, genes: Sequence[str] | None = None, xenium_mean: np.ndarray | None = None) -> Saved:
    """Read the released PAST: a torch file with a state dict under `model`, all of whose names are accounted for.

    Args:
        path: the file.
        genes: the vocabulary, in order; without it only the published vocabulary's hash is recorded.
        xenium_mean: (genes,) Nicheformer's mean of Xenium, for the tokens' order.

    Raises:
        CheckpointError: another program's file, one that could run code, or another vocabulary (with both hashes).
    """
    model = _fill(read_released(path), past_for, PAST_RULES, path)
    cell_encoder = model.cell_encoder
    assert isinstance(cell_encoder, CellEncoder)
    tokenizer = _tokenizer(cell_encoder, cell_encoder.context, genes, xenium_mean, path)
    return Saved(model, tokenizer, {"mpp": "native", "px": 224}, str(path))


def import_uni(path: Path) -> Saved:
    """Read UNI's own file into an image encoder; raises CheckpointError where a name or shape does not fit."""
    return Saved(_fill(read_released(path), uni_for, [("(.*)", r"model.\1")], path), source=str(path))


def import_nicheformer(path: Path, genes: Sequence[str] | None = None, xenium_mean: np.ndarray | None = None) -> Saved:
    """Read Nicheformer's own file into a cell encoder; arguments and errors as `import_past`.

    Its sentences begin with species, assay, modality, ours (and PAST's) with modality, assay, species: the position
    embeddings of the first and third are exchanged, which makes the two the same function.
    """
    state = read_released(path)
    state = {name.removeprefix("nicheformer."): tensor for name, tensor in state.items()}
    model = _fill(state, cell_encoder_for, NICHEFORMER_RULES, path)
    assert isinstance(model, CellEncoder)
    with torch.no_grad():
        first = model.positions.weight[:CONTEXT_TOKENS]
        first.copy_(first.flip(0))
    return Saved(model, _tokenizer(model, model.context, genes, xenium_mean, path), source=str(path))


def _tokenizer(
    cell_encoder: CellEncoder, context: int, genes: Sequence[str] | None, mean: np.ndarray | None, path: Path
) -> dict[str, object]:
    count = cell_encoder.tokens.num_embeddings - RESERVED - SPARE_ROWS
    published = count == NICHEFORMER_GENES
    if genes is None:
        return {"vocabulary_hash": NICHEFORMER_HASH} if published else {}
    given = gene_hash(genes)
    if len(genes) != count or (published and given != NICHEFORMER_HASH):
        wanted = f"{NICHEFORMER_HASH} ({count:,} genes)" if published else f"{count:,} genes"
        raise CheckpointError(
            f"{path}: its vocabulary is {wanted}, the given list is {given} ({len(genes):,}): give its own list"
        )
    if mean is not None and mean.shape != (count,):
        raise DataError(
            f"the Xenium mean has shape {mean.shape}, the vocabulary {count:,} genes: give the mean made for it"
        )
    return {
        "vocabulary": list(genes),
        "vocabulary_hash": given,
        "technology_mean": {} if mean is None else {"Xenium": np.nan_to_num(mean).astype(float).tolist()},
        "context": context,
        "neighbours": 8,
        "radius": None,
    }
