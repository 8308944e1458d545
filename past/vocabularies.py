"""Closed vocabularies: the reserved tokens of a cell's sentence and the words people use for them.

Ids 0-18 are Nicheformer's; 19-21 are ours, for platforms that it did not train on (ids below 30 are reserved).
"""

from types import MappingProxyType
from typing import Final

from past.errors import DataError

MASK: Final = 0
PADDING: Final = 1
CLS: Final = 2
RESERVED: Final = 30

MODALITY: Final = MappingProxyType({"dissociated": 3, "spatial": 4})
SPECIES: Final = MappingProxyType({"Homo sapiens": 5, "Mus musculus": 6})
TECHNOLOGY: Final = MappingProxyType(
    {
        "MERFISH": 7,
        "CosMx": 8,
        "Xenium": 9,
        "Visium": 19,
        "Visium HD": 20,
        "Spatial Transcriptomics": 21,
    }
)
ALIASES: Final = MappingProxyType(
    {
        "human": "Homo sapiens",
        "mouse": "Mus musculus",
        "st": "Spatial Transcriptomics",
        "visiumhd": "Visium HD",
        "visium-hd": "Visium HD",
    }
)


def canonical(name: str, words: MappingProxyType[str, int], what: str) -> str:
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
