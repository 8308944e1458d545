"""The words by which species and technologies are known, and what people write for them."""

from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from past.base.errors import DataError

SPECIES: Final = ("Homo sapiens", "Mus musculus")
TECHNOLOGIES: Final = ("MERFISH", "CosMx", "Xenium", "Visium", "Visium HD", "Spatial Transcriptomics")
ALIASES: Final = MappingProxyType(
    {
        "human": "Homo sapiens",
        "mouse": "Mus musculus",
        "st": "Spatial Transcriptomics",
        "visiumhd": "Visium HD",
        "visium-hd": "Visium HD",
    }
)


def canonical(name: str, words: Collection[str], what: str) -> str:
    """Return the vocabulary's own spelling of `name`: any case, an alias, or a longer name that begins with it.

    Raises:
        DataError: `name` is none of `words`; the message lists what is accepted.
    """
    lowered = ALIASES.get(name.strip().lower(), name.strip()).lower()
    spelled = {word.lower(): word for word in words}
    if lowered in spelled:
        return spelled[lowered]
    begun = [word for low, word in spelled.items() if lowered.startswith(low + " ")]
    if begun:
        return max(begun, key=len)
    raise DataError(f"{what} {name!r} is not known: use one of {', '.join(words)}")
