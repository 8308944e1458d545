"""Weight files of released image encoders: found here or on the hub, their names brought to timm's."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError

from past.base.errors import CheckpointError
from past.nn.weights import read_weights

log = logging.getLogger(__name__)

# transformers' ViT and DINOv2 → timm; queries, keys and values are joined afterwards.
_TRANSFORMERS = (
    (r"(?:vit\.)?embeddings\.cls_token", "cls_token"),
    (r"(?:vit\.)?embeddings\.register_tokens", "reg_token"),
    (r"(?:vit\.)?embeddings\.position_embeddings", "pos_embed"),
    (r"(?:vit\.)?embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (r"(?:vit\.)?encoder\.layer\.(\d+)\.attention\.attention\.(query|key|value)\.", r"blocks.\1.attn.\2."),
    (r"(?:vit\.)?encoder\.layer\.(\d+)\.attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (r"(?:vit\.)?encoder\.layer\.(\d+)\.(?:layernorm_before|norm1)\.", r"blocks.\1.norm1."),
    (r"(?:vit\.)?encoder\.layer\.(\d+)\.(?:layernorm_after|norm2)\.", r"blocks.\1.norm2."),
    (r"(?:vit\.)?encoder\.layer\.(\d+)\.(?:intermediate\.dense|mlp\.fc1|mlp\.weights_in)\.", r"blocks.\1.mlp.fc1."),
    (r"(?:vit\.)?encoder\.layer\.(\d+)\.(?:output\.dense|mlp\.fc2|mlp\.weights_out)\.", r"blocks.\1.mlp.fc2."),
    (r"(?:vit\.)?encoder\.layer\.(\d+)\.layer_scale([12])\.lambda1", r"blocks.\1.ls\2.gamma"),
    (r"(?:vit\.)?layernorm\.", "norm."),
)
# What training used and an encoder's forward pass does not read.
_PREFIXES = ("module.", "_orig_mod.", "model.", "teacher.", "student.", "backbone.", "base_encoder.", "encoder.")
_HEADS = re.compile(r"(dino_head|ibot_head|head|projector|predictor|momentum_encoder)\.")
_UNUSED = re.compile(r"(?:vit\.)?(?:embeddings\.mask_token|pooler\.dense\..*)|mask_token|head\.(?:weight|bias)")


def find_weights(path: Path, hub: str | None) -> Path:
    """Return `path` where it is a file, else the file of the same name in a repository of the Hugging Face hub.

    Raises:
        CheckpointError: neither; it says where to ask for access and where to put the file.
    """
    if path.is_file() or hub is None:
        return path
    try:
        return Path(hf_hub_download(hub, path.name))
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise CheckpointError(
            f"{path}: no such file, and huggingface.co/{hub} cannot be read ({type(error).__name__}): "
            f"ask for access on its page and log in with 'hf auth login', or put its {path.name} at {path}"
        ) from error


def read_released(path: Path) -> dict[str, torch.Tensor]:
    """Read a released file's state dict, without what a training program put before every name.

    What is taken off is said, and so are the heads that only training had and that stand beside it.

    Raises:
        CheckpointError: see `read_weights`.
    """
    state, taken, heads = read_weights(path), "", []
    while True:
        beside = [name for name in state if _HEADS.match(name)]
        prefix = next((p for p in _PREFIXES if _begin_with(p, state, beside)), None)
        if prefix is None:
            break
        left = [name for name in beside if not name.startswith(prefix)]
        state = {name.removeprefix(prefix): value for name, value in state.items() if name not in left}
        taken, heads = taken + prefix, heads + left
    if taken:
        log.warning("%s: every name begins with '%s', which is taken off", path, taken)
    if heads:
        log.warning("%s: %d weights of training heads (%s, …) are left out", path, len(heads), heads[0])
    return state


def _begin_with(prefix: str, names: Iterable[str], heads: Sequence[str]) -> bool:
    others = [name for name in names if not name.startswith(prefix)]
    return set(others) <= set(heads) and len(others) < len(list(names))


def to_timm_names(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a released encoder's weights under timm's names; timm's own come back as they are.

    Understood: transformers' ViT and DINOv2 (with registers and SwiGLU), and the Swin of timm 0.5 (CTransPath).
    """
    if any(".attention.attention.query." in name for name in state):
        return _from_transformers(state)
    if any(name.startswith("layers.0.downsample.") for name in state):
        return _from_old_swin(state)
    return dict(state)


def _from_transformers(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if _UNUSED.fullmatch(name):
            continue
        for pattern, ours in _TRANSFORMERS:
            changed, count = re.subn(f"^{pattern}", ours, name)
            if count:
                name = changed
                break
        renamed[name] = tensor
    for name in [name for name in renamed if ".attn.query." in name]:
        parts = [renamed.pop(name.replace(".query.", f".{part}.")) for part in ("query", "key", "value")]
        renamed[name.replace(".query.", ".qkv.")] = torch.cat(parts)
    if "reg_token" in renamed:
        # timm adds no position to the class token where there are registers.
        place = renamed["pos_embed"]
        renamed["cls_token"] = renamed["cls_token"] + place[:, :1]
        renamed["pos_embed"] = place[:, 1:]
    return renamed


def _from_old_swin(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Since timm 0.9 a stage begins with its downsampling instead of ending with it; masks are computed."""
    renamed = {}
    for name, tensor in state.items():
        if name.endswith(("attn_mask", "relative_position_index")) or _UNUSED.fullmatch(name):
            continue
        moved = re.sub(r"^layers\.(\d+)\.downsample\.", lambda m: f"layers.{int(m[1]) + 1}.downsample.", name)
        renamed[moved] = tensor
    return renamed
