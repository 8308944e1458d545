"""Who lives in the synthetic tissue: each cell type's nucleus, cytoplasm and marker genes, and what all types share.

Sizes are in µm, stain amounts in optical density. Marker genes are real symbols of the types' textbook markers.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True)
class CellType:
    """One type of cell.

    Attributes:
        name: as in the records' `cell_type`.
        radius: mean radius of the nucleus.
        elongation: its long axis over its short one.
        irregular: relative roughness of its outline.
        chromatin: haematoxylin of the nucleus.
        clumping: relative strength of the chromatin's texture.
        grain: size of a chromatin clump.
        vesicular: how far the middle of the nucleus is cleared, 0 to 1.
        nucleolus: radius of the nucleolus, 0: none seen.
        reach: how far the cytoplasm goes beyond the cell's centre.
        eosin: eosin of the cytoplasm.
        basophilia: haematoxylin of the cytoplasm.
        counts: mean transcripts a cell.
        markers: genes that the type expresses above all others, strongest first.
    """

    name: str
    radius: float
    elongation: float
    irregular: float
    chromatin: float
    clumping: float
    grain: float
    vesicular: float
    nucleolus: float
    reach: float
    eosin: float
    basophilia: float
    counts: float
    markers: tuple[str, ...]


def _genes(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TYPES: Final = (
    CellType(
        "tumour", 4.9, 1.25, 0.09, 0.80, 0.45, 1.3, 0.45, 1.1, 9.5, 0.50, 0.22, 420,
        _genes("EPCAM KRT8 KRT18 KRT19 ERBB2 GRB7 MUC1 CDH1 ESR1 GATA3 TACSTD2 CLDN4 FOXA1 XBP1 KRT7 SPDEF"),
    ),
    CellType(
        "fibroblast", 3.5, 3.6, 0.05, 0.95, 0.25, 0.9, 0.15, 0.0, 6.0, 0.42, 0.02, 220,
        _genes("COL1A1 COL1A2 COL3A1 DCN LUM FAP PDGFRB THY1 FBLN1 SFRP2 MMP2 POSTN ACTA2 TAGLN"),
    ),
    CellType(
        "lymphocyte", 3.0, 1.08, 0.03, 1.45, 0.30, 1.0, 0.0, 0.0, 4.0, 0.22, 0.18, 150,
        _genes("CD3E CD3D PTPRC CD2 TRAC IL7R CD8A GZMB NKG7 CCL5 CD4 LTB CXCR4 TRBC2"),
    ),
    CellType(
        "plasma cell", 3.2, 1.12, 0.03, 1.25, 0.50, 1.2, 0.1, 0.0, 6.5, 0.40, 0.40, 300,
        _genes("IGHG1 IGKC JCHAIN MZB1 SDC1 CD79A TNFRSF17 DERL3 PRDM1 IGHA1 SSR4 FKBP11"),
    ),
    CellType(
        "macrophage", 4.1, 1.5, 0.10, 0.70, 0.30, 1.0, 0.35, 0.6, 8.5, 0.32, 0.06, 330,
        _genes("CD68 CD163 CSF1R LYZ C1QA C1QB AIF1 MRC1 TYROBP FCER1G APOE SPP1 MARCO MSR1"),
    ),
    CellType(
        "endothelium", 3.0, 3.9, 0.05, 1.05, 0.25, 0.8, 0.05, 0.0, 4.5, 0.48, 0.02, 230,
        _genes("PECAM1 VWF CDH5 KDR CLDN5 ENG EGFL7 PLVAP ESAM ROBO4 TIE1 EMCN"),
    ),
    CellType(
        "glandular epithelium", 3.7, 1.7, 0.04, 1.05, 0.30, 1.0, 0.15, 0.5, 8.5, 0.40, 0.14, 350,
        _genes("KRT5 KRT14 KRT17 ELF5 KIT LTF SLPI PIGR SCGB2A2 MUCL1 TFF1 AGR2 AZGP1 PIP"),
    ),
)  # fmt: skip
NAMES: Final = tuple(cell.name for cell in TYPES)
TUMOUR, FIBROBLAST, LYMPHOCYTE, PLASMA, MACROPHAGE, ENDOTHELIUM, GLAND = range(len(TYPES))

# Programmes that run through all types, by what turns them on; each shows in the picture too (see histology.py).
GROWTH: Final = _genes("MKI67 TOP2A PCNA CCNB1 CDK1 BIRC5 TYMS STMN1 TUBB HMGB2 CENPF MCM2 AURKA UBE2C")
STARVATION: Final = _genes("VEGFA CA9 LDHA SLC2A1 PGK1 NDRG1 ADM BNIP3 ENO1 ALDOA HK2 P4HA1")
INFLAMMATION: Final = _genes("STAT1 IFI6 ISG15 CXCL9 CXCL10 HLA-DRA CD74 B2M IFIT3 GBP1 IRF1 TAP1 HLA-A HLA-B")
INVASION: Final = _genes("VIM FN1 SNAI2 ZEB1 SPARC ITGA5 TGFBI LAMC2 MMP14 SERPINE1 TNC CD44")
HOUSEKEEPING: Final = _genes(
    "ACTB GAPDH RPLP0 RPS18 EEF1A1 TPT1 RPL13 RPS27 FTL FTH1 MALAT1 TMSB4X UBB HSPA8 HSP90AB1 PPIA YWHAZ PABPC1 NACA "
    "RPL10 RPS6 RPLP1 EIF4A1 CALM1 CFL1 PFN1 MYL6 TUBA1B H3-3B SRSF5 DDX5 HNRNPA1 NPM1 PTMA COX4I1 ATP5F1B NDUFA4 "
    "UQCRB GSTP1 S100A6 S100A11 LGALS1 ANXA2 TIMP1 CD63 CD81 CD9 SAT1 JUN FOS EGR1 IER2 ZFP36 KLF6 BTG2 DUSP1"
)
GENES: Final = tuple(
    dict.fromkeys(
        gene
        for group in (*(cell.markers for cell in TYPES), GROWTH, STARVATION, INFLAMMATION, INVASION, HOUSEKEEPING)
        for gene in group
    )
)


def positions_of(genes: tuple[str, ...]) -> np.ndarray:
    """Return the positions of `genes` in GENES, (len(genes),) int64."""
    return np.array([GENES.index(gene) for gene in genes])
