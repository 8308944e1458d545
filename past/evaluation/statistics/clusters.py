"""Do measured and predicted expression part a tissue into the same regions? Both clustered alike, and compared."""

import numpy as np
from anndata import AnnData
from sklearn.metrics import (
    adjusted_mutual_info_score,
    adjusted_rand_score,
    homogeneity_score,
    normalized_mutual_info_score,
)

COMPONENTS, NEIGHBOURS = 50, 30
FEWEST = 10  # spots: below, a graph of neighbours says nothing
AGREEMENT = {
    "ari": adjusted_rand_score,
    "ami": adjusted_mutual_info_score,
    "nmi": normalized_mutual_info_score,
    "homogeneity": homogeneity_score,
}


def cluster(expression: np.ndarray, seed: int) -> np.ndarray | None:
    """Return (n,) int clusters of (n, g) log1p expression: PCA → 30 neighbours → Leiden, resolution 1.

    None where there is nothing to part: under ten spots, or every gene the same everywhere.
    """
    spots, genes = expression.shape
    if spots < FEWEST or genes < 2 or not np.ptp(expression, axis=0).any():
        return None
    import scanpy  # takes seconds

    adata = AnnData(expression.astype(np.float32))
    scanpy.pp.pca(adata, n_comps=min(COMPONENTS, spots - 1, genes - 1), random_state=seed)
    scanpy.pp.neighbors(adata, n_neighbors=NEIGHBOURS, random_state=seed)
    scanpy.tl.leiden(adata, flavor="igraph", n_iterations=2, directed=False, random_state=seed)
    return adata.obs["leiden"].astype(int).to_numpy()


def agreement(truth: np.ndarray | None, predicted: np.ndarray | None) -> dict[str, float | None]:
    """Return ARI, AMI, NMI and homogeneity of (n,) predicted clusters against (n,) true ones; None without clusters.

    ARI and AMI are 0 by chance and NMI and homogeneity are not; a single predicted cluster scores 0 on all.
    """
    if truth is None or predicted is None:
        return dict.fromkeys(AGREEMENT)
    return {name: float(score(truth, predicted)) for name, score in AGREEMENT.items()}
