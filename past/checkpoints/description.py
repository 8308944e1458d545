"""What a checkpoint says of its model: plain words and numbers, of which the model is built, whoever wrote them.

Nothing in a description names a file or an address, and nothing is made that is larger than the weights beside it.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import cast

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from past.base.errors import CheckpointError, PastError
from past.nn.layers import Part
from past.nn.weights import check_fit

WORD = re.compile(r"[^/\\:~${}\x00-\x1f]{0,100}")  # a class, a way of pooling, a model of timm: no path, no address
LARGEST = 1 << 18  # of a whole number: a width, a number of tokens
SPARE = 100  # parameters that a library may make and throw away


def build_described(model: object, parts: Mapping[str, type[Part]], state: Mapping[str, torch.Tensor]) -> Part:
    """Build a model that is described in somebody's file, with random weights.

    Args:
        model: what `Part.config` gave, or what somebody wrote in its place.
        parts: the classes that may be built, by their names.
        state: the weights that it is to take.

    Raises:
        CheckpointError: a description of no model of these weights, or one that asks for more than a model.
    """
    try:
        _require_plain(model, "model")
        config = cast(Mapping[str, object], model)
        with torch.device("meta"), _at_most(2 * len(state) + SPARE):  # takes no memory, however large
            check_fit(state, build_part(config, parts)).raise_if_incomplete("the file of weights")
        return build_part(config, parts)
    except PastError as error:
        raise CheckpointError(str(error)) from error
    except Exception as error:
        raise CheckpointError(
            f"no model can be built of its description ({type(error).__name__}: {error!s:.100}): "
            "take the file from where it was made, whole"
        ) from error


def build_part(config: Mapping[str, object], parts: Mapping[str, type[Part]]) -> Part:
    """Build a part, and the parts within it, from the plain `Part.config`; weights are random.

    Args:
        config: what `Part.config` gave.
        parts: the classes that may be built, by their names; see `past.models.parts`.

    Raises:
        CheckpointError: names a part that does not exist here, or weights outside the checkpoint.
    """
    name = config.get("part")
    if not isinstance(name, str) or name not in parts:
        raise CheckpointError(
            f"part {name!r:.80} is not known here: the checkpoint is of a newer version, or was edited"
        )
    for key in parts[name].fetched:
        if config.get(key) is not None:
            raise CheckpointError(f"its {name} has {key}={config[key]!r:.80}: a checkpoint brings its own weights")
    arguments = {
        key: build_part(cast(Mapping[str, object], value), parts)
        if isinstance(value, Mapping) and "part" in value
        else value
        for key, value in config.items()
        if key != "part"
    }
    return parts[name](**arguments)


def _require_plain(value: object, place: str) -> None:
    """Raise CheckpointError unless a value is made of words, numbers of a model's size, and lists and dicts of them."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _require_plain(str(key), f"a name in {place}")
            _require_plain(inner, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            _require_plain(inner, f"{place}.{i}")
    elif not _is_plain(value):
        raise CheckpointError(f"{place}={value!r:.80}: a model is described by words and numbers of its own only")


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return WORD.fullmatch(value) is not None
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return value is None or (isinstance(value, float) and math.isfinite(value))


@contextmanager
def _at_most(count: int) -> Iterator[None]:
    """Stop with CheckpointError whoever makes more parameters than this: a number of layers may be anything."""
    made = 0

    def counted(module: nn.Module, name: str, parameter: object) -> None:
        nonlocal made
        made += 1
        if made > count:
            raise CheckpointError(f"its description asks for more than {count:,} parameters, and its weights are fewer")

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()
