"""From somebody else's parameter names to ours, with nothing left over and nothing left empty."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import nn

from past.nn.weights import Fit, check_fit

# (a regular expression of a whole published name, our name for it with \1, \2, … for the expression's groups);
# None in place of our name: the published program stores it, but its forward pass never reads it.
Rule = tuple[str, str | None]


def apply_keymap(state: Mapping[str, torch.Tensor], model: nn.Module, rules: Sequence[Rule]) -> Fit:
    """Rename `state` by the first rule that matches each name, and compare it with `model`; nothing is loaded.

    A name without a rule is looked for in the model as it is. A second name for the same parameter counts as left over.

    Args:
        state: published names → tensors.
        model: whose parameters are to be filled; one on the meta device will do.
        rules: how names change, the first that matches counts.
    """
    renamed: dict[str, torch.Tensor] = {}
    unused, second = [], []
    own = model.state_dict()
    for name, tensor in state.items():
        matched = ((re.fullmatch(pattern, name), ours) for pattern, ours in rules)
        match, ours = next(((match, ours) for match, ours in matched if match), (None, name))
        if ours is None:
            unused.append(name)
            continue
        ours = match.expand(ours) if match else name
        if tensor.ndim == 0 and ours in own and own[ours].ndim == 1:
            tensor = tensor[None]  # a number alone is a vector of one in ours
        if ours in renamed:
            second.append(name)
        else:
            renamed[ours] = tensor
    fit = check_fit(renamed, model)
    return replace(fit, leftover=fit.leftover + second, unused=unused)
