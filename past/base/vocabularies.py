"""Words in tables: whether one is there, those by which species and technologies are known, and their other names."""

from collections.abc import Collection
from types import MappingProxyType
from typing import Final

import numpy as np

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

_MISSING: Final = frozenset({"", "nan", "na", "n/a", "none", "<na>", "nat", "null"})


def word(value: object) -> str | None:
    """Return what a table or a file says as text, without blanks around it; None where it says nothing.

    Nothing are None, NaN, an empty text, and what programs write for them: nan, NA, N/A, None, <NA>, null. Whole
    numbers have no point: beside missing ones a table holds them as 1.0.
    """
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    text = str(value).strip()
    return None if text.lower() in _MISSING else text


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
