"""What cells find in a bank, by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from past.models.past.cells.bank import Bank
from past.models.past.cells.retrieval import neighbour_weights, retrieve, vote

ALONE = np.array(["a", "b"])


@pytest.fixture(autouse=True)
def nothing_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries by hand are no sections."""
    monkeypatch.setattr("past.models.past.cells.retrieval.centred_units", lambda rows, sections: rows)


def bank(expression: np.ndarray, sections: list[str]) -> Bank:
    keys = np.eye(len(expression), dtype=np.float32)
    obs = pd.DataFrame({"section": sections, "patient": sections, "cell_type": [""] * len(sections)})
    genes = tuple(f"G{i}" for i in range(expression.shape[1]))
    return Bank(keys, keys, csr_matrix(expression.astype(np.float32)), genes, obs, 100.0, "h", 0.5, limit=0.6)


def test_expression_is_the_weighted_mean_of_the_nearest() -> None:
    known = bank(np.array([[1.0, 0], [3, 0], [100, 100]]), ["A", "A", "A"])
    query = np.array([[0.8, 0.6, 0.0]], np.float32)
    found = retrieve(known, query, ALONE[: len(query)], k=2)
    weights = np.exp(np.array([0.8, 0.6]) / 0.5)
    weights /= weights.sum()
    assert found.expression[0] == pytest.approx([weights @ [1, 3], 0])
    variance = weights @ np.array([1, 9]) - (weights @ [1, 3]) ** 2
    assert found.spread[0] == pytest.approx(np.sqrt(variance / 2), rel=1e-5)
    assert found.similarity[0] == pytest.approx(0.8)
    assert not found.unlike[0]
    assert found.weights.toarray()[0] == pytest.approx([*weights, 0])


def test_a_cell_unlike_all_is_marked() -> None:
    known = bank(np.ones((3, 1)), ["A", "A", "A"])
    query = np.array([[0.577, 0.577, 0.577], [-0.9, -0.3, -0.3]], np.float32)
    assert retrieve(known, query, ALONE[: len(query)], k=3).unlike.tolist() == [True, True]


def test_a_gene_is_averaged_over_those_who_measured_it() -> None:
    known = bank(np.array([[2.0, 4.0], [2.0, 0.0], [2.0, 0.0]]), ["A", "B", "B"])  # B's panel lacks the second gene
    query = np.array([[0.6, 0.6, 0.5], [0.0, 0.7, 0.7]], np.float32)
    found = retrieve(known, query, ALONE[: len(query)], k=3).expression
    np.testing.assert_allclose(found[:, 0], 2, rtol=1e-6)
    assert found[0, 1] == pytest.approx(4)
    only_b = retrieve(known, query, ALONE[: len(query)], k=2).expression
    assert only_b[1, 1] == 0


def test_labels_by_vote() -> None:
    weights = csr_matrix(np.array([[0.5, 0.3, 0.2, 0], [0, 0, 0, 1.0]]))
    found, shares, known = vote(weights, np.array(["T", "B", "B", ""]))
    assert found.tolist() == ["B", ""]
    assert known == ["B", "T"]
    np.testing.assert_allclose(shares, [[0.5, 0.5], [0, 0]])
    found, shares, _ = vote(csr_matrix(np.array([[0.45, 0.3, 0.0, 0.25]])), np.array(["T", "B", "B", ""]))
    assert (found.tolist(), shares[0].tolist()) == (["T"], [pytest.approx(0.4), pytest.approx(0.6)])
    assert vote(weights, np.array([""] * 4))[0].tolist() == ["", ""]
    assert (
        neighbour_weights(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32), 1).toarray().tolist()
        == np.eye(3).tolist()
    )
