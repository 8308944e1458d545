"""Spots of a sample: a tile around each, exactly, and what was measured by the names of the weights' genes."""

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.models.stpath.predict import Predictor
from past.models.stpath.spots import Spots

PLACES = np.array([[100.3, 50.7], [200.1, 60.2], [90.0, 80.9]])
COUNTS = csr_matrix(np.array([[1, 0], [0, 5], [2, 2]], np.float32))
SPOTS = Spots(["a", "b", "c"], PLACES, COUNTS, [("GENE3",), ("NOT_KNOWN",)])


def test_tiles_lie_around_the_places_themselves() -> None:
    grid = SPOTS.grid(32, 0.5, 0.3)
    assert (grid.side, grid.px, grid.mpp) == (53, 32, 0.5)
    np.testing.assert_allclose(grid.centres, PLACES, atol=1e-12)
    assert SPOTS.fingerprint != Spots(["a", "b", "d"], PLACES, COUNTS, []).fingerprint


def test_what_was_measured_stands_under_the_genes_that_are_asked_for(predictor: Predictor) -> None:
    table = AnnData(obs=pd.DataFrame({"tile_id": [0, 2]}, index=pd.Index(["S-0", "S-2"])), uns={"slide": {}})
    found = SPOTS.beside(table, np.array([0, 2]), predictor.genes, predictor.asked(["GENE4", "GENE3"]))
    assert list(found.obs_names) == ["a", "c"]
    assert found.var["measured"].tolist() == [False, True]
    measured = found.layers["measured"]
    assert isinstance(measured, csr_matrix)
    np.testing.assert_allclose(measured.toarray(), [[0, np.log1p(1)], [0, np.log1p(2)]], rtol=1e-6)
