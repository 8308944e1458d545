"""A model of timm from plain words: only options of its architecture, so that what describes it can travel."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import timm
from huggingface_hub.errors import HfHubHTTPError
from timm import layers as timm_layers
from timm.models import load_model_config_from_hf
from torch import nn

from past.base.errors import CheckpointError, ConfigError
from past.nn.conv_stem import ConvStem

HUB_NAME = "hf-hub:"
LAYERS: Final = {"ConvStem": ConvStem}
# Keywords of `timm.create_model` that say what the network is. It has others, which fetch or read files by themselves.
OPTIONS: Final = {
    *("img_size", "patch_size", "window_size", "dynamic_img_size", "dynamic_img_pad", "strict_img_size"),
    *("embed_dim", "embed_dims", "depth", "depths", "layers", "dims", "channels", "num_heads", "head_dim"),
    *("mlp_ratio", "mlp_ratios", "swiglu_mlp", "swiglu_align_to", "scale_mlp", "scale_mlp_norm", "scale_attn_norm"),
    *("init_values", "ls_init_value", "weight_init", "qkv_bias", "proj_bias", "qk_norm", "norm_eps"),
    *("class_token", "reg_tokens", "num_reg_tokens", "no_embed_class", "pos_embed", "pool_include_prefix"),
    *("use_abs_pos_emb", "use_rot_pos_emb", "use_rel_pos_bias", "use_shared_rel_pos_bias", "rope_type"),
    *("pre_norm", "final_norm", "fc_norm", "use_fc_norm", "global_pool", "output_stride"),
    *("act_layer", "norm_layer", "mlp_layer", "embed_layer", "embed_norm_layer", "aa_layer"),
    *("stem_width", "stem_type", "base_width", "cardinality", "width", "widths", "stem_size", "zero_init_last"),
    *("drop_rate", "drop_path_rate", "proj_drop_rate", "attn_drop_rate", "pos_drop_rate", "patch_drop_rate"),
}


def create_timm(name: str, pretrained: bool, options: Mapping[str, object]) -> tuple[nn.Module, dict[str, object]]:
    """Build a model of timm without its classifier.

    Args:
        name: timm's, or `hf-hub:owner/name`, of which timm fetches the description.
        pretrained: fetch timm's own weights.
        options: of `OPTIONS`; `*_layer` may name a module of `timm.layers`.

    Returns:
        The model, and where the hub describes it the `name` and `options` from which it is built again without the hub.

    Raises:
        ConfigError: an option that is not in the list, or a name or value that timm does not know.
        CheckpointError: the hub cannot be reached, or does not give it.
    """
    on_hub = name.startswith(HUB_NAME)
    if not on_hub and not re.fullmatch(r"[\w.-]+", name):
        raise ConfigError(f"image_encoder.name={name}: give a model of timm's, or hf-hub:owner/name")
    try:
        plain = _described_on_hub(name, options) if on_hub else {}
        _require_known({**options, **plain.get("options", {})})
        return timm.create_model(name, pretrained=pretrained, num_classes=0, **_with_layers(options)), plain
    except (OSError, HfHubHTTPError) as error:
        raise CheckpointError(
            f"image_encoder.name={name}: the hub's weights or description could not be had ({type(error).__name__}): "
            "if it is gated, request access at huggingface.co and log in with 'hf auth login'; "
            "without a network, fetch the file elsewhere and give its path as image_encoder.weights=FILE"
        ) from error
    except (RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"image_encoder.name={name} with {dict(options)}: timm refuses it ({error})") from error


def _described_on_hub(name: str, options: Mapping[str, object]) -> dict[str, Any]:
    """Return the architecture and its options, the given ones before those that the hub keeps."""
    about, architecture, own = load_model_config_from_hf(name.removeprefix(HUB_NAME))
    size = {"img_size": about["input_size"][-1]} if about.get("fixed_input_size") else {}
    kept = {**size, **(own or {}), **options}
    return {"name": architecture, "options": {key: value for key, value in kept.items() if key != "num_classes"}}


def _require_known(options: Mapping[str, object]) -> None:
    for key in sorted(set(map(str, options)) - OPTIONS):
        raise ConfigError(
            f"image_encoder.options.{key}: no option of an architecture that is passed to timm: leave it out"
        )


def _with_layers(options: Mapping[str, object]) -> dict[str, Any]:
    return {key: _layer(value) if key.endswith("_layer") else value for key, value in options.items()}


def _layer(value: object) -> object:
    """Return the module that a word names; other words are timm's own (`silu`)."""
    found = (LAYERS.get(value) or getattr(timm_layers, value, None)) if isinstance(value, str) else None
    made = found.func if isinstance(found, partial) else found
    return found if isinstance(made, type) and issubclass(made, nn.Module) else value
