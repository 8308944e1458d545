import numpy as np
import pytest
from anndata import AnnData

from past.base.errors import DataError
from past.base.joins import Rows
from past.models.stpath.context import read_context
from past.models.stpath.vocabulary import GeneVocabulary

GENES = GeneVocabulary({"A": "E1", "B": "E2", "TWIN": "E2"})  # tokens 2, 3, 3
COORDS = np.array([[0, 0], [0, 5], [5, 0], [5, 5]])
SLIDE = Rows("the features", None, COORDS)


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
    told = read_context(context, SLIDE, GENES)
    expected = np.zeros((4, 4))
    expected[3, 2:] = np.log1p([4, 3])  # B and its twin are summed before the logarithm; X is not known
    expected[1, 2] = np.log1p(7)
    np.testing.assert_allclose(told.expression.toarray(), expected, rtol=1e-6)
    assert (told.spots.tolist(), told.genes, told.of_genes) == ([3, 1], 3, 4)


def test_spots_are_found_by_barcode_whatever_their_places(caplog: pytest.LogCaptureFixture) -> None:
    context = measured([[1, 0, 0, 4], [0, 0, 0, 7]], [[900, 900], [901, 900]])
    context.obs_names = ["s3", "s1"]
    slide = Rows("the features", ["s0", "s1", "s2", "s3"], COORDS)
    assert read_context(context, slide, GENES).spots.tolist() == [3, 1]
    assert not caplog.records
    context.obs_names = ["s3", "s9"]
    with pytest.raises(DataError, match=r"the features: no features for 1 of 2 spots of context \(s9 at 901, 900, …\)"):
        read_context(context, slide, GENES)


def test_places_may_be_rounded_and_ids_of_another_version() -> None:
    genes = GeneVocabulary({"A": "ENSG00000000001", "B": "ENSG00000000002.4"})
    context = measured([[5, 9, 7]], [[5.4, 4.7]])
    context.var_names = ["ENSG00000000002.11", "ENSG00000000009.1", "UNKNOWN"]
    context.var["gene_ids"] = ["ENSG00000000002", None, "ENSG00000000001.3"]
    told = read_context(context, Rows("the features", None, COORDS), genes)
    assert told.spots.tolist() == [3]
    np.testing.assert_allclose(told.expression.toarray()[3], np.log1p([0, 0, 7, 5]), rtol=1e-6)
    assert (told.genes, told.of_genes) == (2, 3)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (measured([[1]]), "neither names nor places"),
        (measured([[1]], [[5, 3]]), r"no features for 1 of 1 spots of context .0 at 5, 3, …."),
        (([0, 1], measured([[1]])), "2 row numbers for 1 measured spots"),
        (([4], measured([[1]])), "row 4 is not one of the 4 spots"),
        (([-1], measured([[1]])), "row -1 is not one of the 4 spots"),
        (([2, 2], measured([[1], [1]])), "1 spots are given twice"),
        (([0], measured([[1.5]])), "1.5: normalised"),
    ],
)
def test_what_cannot_be_context_is_named(context: AnnData | tuple[list[int], AnnData], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_context(context, SLIDE, GENES)
