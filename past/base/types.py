"""What batches have in common: tensors that go to a device, or into pinned memory, as one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    import torch  # takes seconds to import, and writing and verifying shards need none of it


class Movable:
    """A dataclass of tensors, and of others like it, that goes to a device as one."""

    def map(self, change: Callable[[torch.Tensor], Any]) -> Self:
        """Return the same with `change` made to each tensor."""
        return replace(self, **{name: _mapped(value, change) for name, value in vars(self).items()})  # type: ignore[type-var]

    def to(self, device: torch.device | str, non_blocking: bool = True) -> Self:
        """Return the same with its tensors on `device`."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the same with its tensors in pinned memory (called by the loader)."""
        return self.map(lambda tensor: tensor.pin_memory())


def _mapped(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    if isinstance(value, Movable):
        return value.map(change)
    if isinstance(value, tuple):
        return tuple(_mapped(one, change) for one in value)
    return change(value) if hasattr(value, "pin_memory") else value
