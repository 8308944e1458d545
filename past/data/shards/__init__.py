"""Shards on disk: what a sample is, how it is written, read, checked and merged. `Shards` opens a set of them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from past.data.shards.shards import Shards

__all__ = ["Shards"]


def __getattr__(name: str) -> object:
    """Offer `from past.data.shards import Shards`, and import nothing for those who want another module from here."""
    if name == "Shards":
        from past.data.shards.shards import Shards

        return Shards
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
