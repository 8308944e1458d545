"""Which gene's expression stands for which antibody's stain; users may add rows."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from past.base.errors import DataError
from past.base.genes import gene_map
from past.base.text.tables import read_words

MARKERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "HER2": ("ERBB2",),
        "ER": ("ESR1",),
        "PR": ("PGR",),
        "Ki-67": ("MKI67",),
        "EpCAM": ("EPCAM",),
        "keratin": ("EPCAM", "KRT8"),
        "CD3": ("CD3E",),
        "CD8": ("CD8A",),
        "CD20": ("MS4A1",),
        "CD68": ("CD68",),
        "CD31": ("PECAM1",),
    }
)
CURE: Final = "give a table of two columns, marker and gene"


def read_markers(path: Path | None) -> dict[str, tuple[str, ...]]:
    """Return the table of markers, with the rows of a user's CSV (marker, gene) added or put in place of ours.

    Raises:
        DataError: no such table.
    """
    added: dict[str, tuple[str, ...]] = {}
    for row in read_words(path, ("marker", "gene"), CURE) if path else ():
        added[row["marker"].strip()] = (*added.get(row["marker"].strip(), ()), row["gene"].strip())
    return {**MARKERS, **added}


def columns_of(marker: str, genes: Sequence[str], known: Mapping[str, tuple[str, ...]] = MARKERS) -> np.ndarray:
    """Return the positions in `genes` of those that stand for a marker, at least one.

    Args:
        marker: its name in any case, or a gene's own name.
        genes: of the expression.
        known: marker → genes.

    Raises:
        DataError: the panel lacks them all; the message offers the nearest that it has.
    """
    spelled = {name.lower(): name for name in known}
    wanted = known[spelled[marker.lower()]] if marker.lower() in spelled else (marker,)
    found = gene_map(wanted, genes)
    if (found >= 0).any():
        return found[found >= 0]
    upper = {gene.upper(): gene for gene in genes}
    near = [upper[name] for name in difflib.get_close_matches(wanted[0].upper(), upper, 3, 0.5)]
    offered = f"the nearest there are {', '.join(near)}" if near else f"it has {', '.join(genes[:3])}, …"
    there = [name for name, own in known.items() if (gene_map(own, genes) >= 0).any()]
    raise DataError(
        f"marker {marker}: its gene {' or '.join(wanted)} is not in the panel of {len(genes):,} genes; {offered}; "
        f"markers that it has: {', '.join(there) or 'none'}; add others with --marker-table"
    )
