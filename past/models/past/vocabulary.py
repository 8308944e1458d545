"""PAST's reserved tokens.

Ids 0-18 are Nicheformer's (0 and 2, its mask and its CLS, are not used here); 19-21 are ours, for platforms that it did
not train on. Genes begin at RESERVED.
"""

from types import MappingProxyType
from typing import Final

PADDING: Final = 1
RESERVED: Final = 30
MODALITY: Final = MappingProxyType({"dissociated": 3, "spatial": 4})
SPECIES_TOKENS: Final = MappingProxyType({"Homo sapiens": 5, "Mus musculus": 6})
TECHNOLOGY_TOKENS: Final = MappingProxyType(
    {"MERFISH": 7, "CosMx": 8, "Xenium": 9, "Visium": 19, "Visium HD": 20, "Spatial Transcriptomics": 21}
)
