"""The genes that a map shows: those predicted best and worst within a section."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from past.evaluation.statistics.pearson import gene_pearson


def extreme_genes(spots: pd.DataFrame, genes: Sequence[str]) -> list[tuple[str, float]] | None:
    """Return (gene, Pearson r) of the highest and of the lowest r; None where none is defined.

    Args:
        spots: columns `truth:GENE` and `predicted:GENE`; rows without a prediction are left out.
        genes: to choose from.
    """
    truth, predicted = (
        spots[[f"{kind}:{gene}" for gene in genes]].to_numpy(np.float64) for kind in ("truth", "predicted")
    )
    known = np.isfinite(predicted).all(axis=1)
    if known.sum() < 2:
        return None
    r = gene_pearson(truth[known], predicted[known])
    if np.isnan(r).all():
        return None
    return [(genes[i], float(r[i])) for i in (int(np.nanargmax(r)), int(np.nanargmin(r)))]
