import numpy as np
import pytest
from anndata import AnnData

from past.base.errors import DataError
from past.models.stpath.context import read_context
from past.models.stpath.vocabulary import GeneVocabulary

GENES = GeneVocabulary({"A": "E1", "B": "E2", "TWIN": "E2"})  # tokens 2, 3, 3
COORDS = np.array([[0, 0], [0, 5], [5, 0], [5, 5]])


def measured(counts: list[list[float]], places: list[list[float]] | None = None) -> AnnData:
    adata = AnnData(np.array(counts, dtype=np.float32))
    adata.var_names = ["B", "X", "TWIN", "A"][: adata.n_vars]
    if places is not None:
        adata.obsm["spatial"] = np.array(places, dtype=float)
    return adata


@pytest.mark.parametrize("by_place", [True, False])
def test_counts_of_known_genes_lie_at_their_spots_as_log1p(by_place: bool) -> None:
    counts = [[1, 9, 2, 4], [0, 9, 0, 7]]
    context = measured(counts, [[5, 5], [0, 5]]) if by_place else ([3, 1], measured(counts))
    told, rows = read_context(context, COORDS, GENES)
    expected = np.zeros((4, 4))
    expected[3, 2:] = np.log1p([4, 3])  # B and its twin are summed before the logarithm; X is not known
    expected[1, 2] = np.log1p(7)
    np.testing.assert_allclose(told.toarray(), expected, rtol=1e-6)
    assert rows.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (measured([[1]]), r"no obsm\['spatial'\]"),
        (measured([[1]], [[5, 4]]), "1 of 1 measured spots lie at no given spot .first: 5, 4."),
        (([0, 1], measured([[1]])), "2 row numbers for 1 measured spots"),
        (([4], measured([[1]])), "row 4 is not one of the 4 spots"),
        (([-1], measured([[1]])), "row -1 is not one of the 4 spots"),
        (([2, 2], measured([[1], [1]])), "1 spots are given twice"),
        (([0], measured([[1.5]])), "1.5: normalised"),
    ],
)
def test_what_cannot_be_context_is_named(context: AnnData | tuple[list[int], AnnData], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_context(context, COORDS, GENES)
