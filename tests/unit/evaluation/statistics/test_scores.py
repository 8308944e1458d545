"""Folds and tasks of folds: means as the HEST library takes them, and its NaN where our r is 0."""

import numpy as np
import pytest

from past.evaluation.statistics.genes import GeneScores
from past.evaluation.statistics.scores import FoldResult, TaskResult


def fold(number: int, genes: tuple[str, ...], r: list[float], flat: list[bool]) -> FoldResult:
    zeros = np.zeros(len(genes))
    scores = GeneScores(np.array(r), zeros, zeros, np.array(flat))
    return FoldResult(number, genes, scores, 10, 10)


RESULT = TaskResult("IDC", "two", (fold(0, ("G0", "G1"), [0.6, 0.0], [False, True]), fold(1, ("G0",), [0.2], [False])))


def test_genes_and_folds_are_averaged() -> None:
    assert {gene: r.tolist() for gene, r in RESULT.by_gene.items()} == {"G0": [0.6, 0.2], "G1": [0.0]}
    assert RESULT.fold_means.tolist() == pytest.approx([0.3, 0.2])
    assert RESULT.summary == {
        "encoder_name": "two",
        "pearson_mean": pytest.approx(0.25),
        "pearson_std": pytest.approx(0.05),
    }


def test_the_library_knows_no_r_of_a_constant_prediction() -> None:
    library = RESULT.as_in_library
    assert np.isnan(library.by_gene["G1"]).all()
    assert library.by_gene["G0"].tolist() == [0.6, 0.2]
    assert np.isnan(library.fold_means).tolist() == [True, False]
    assert np.isnan(library.summary["pearson_mean"])
    assert RESULT.by_gene["G1"].tolist() == [0.0]
