"""The order of the genes by variance, worked by hand, and the word that asks for the first N."""

import numpy as np
import pytest

from past.base.errors import ConfigError
from past.base.variable_genes import by_variance, variable_count, variance_of


def test_variances_are_never_negative() -> None:
    values = np.array([[0.1, 1.0], [0.1, 3.0], [0.1, 5.0]])
    found = variance_of(values.mean(axis=0), (values**2).mean(axis=0))
    np.testing.assert_allclose(found, [0, 8 / 3], atol=1e-15)
    assert variance_of(np.array([0.3]), np.array([0.09 - 1e-9])).tolist() == [0]


def test_the_most_variable_come_first_the_rare_last_and_the_absent_not_at_all() -> None:
    variance = np.array([0.5, 9.0, 2.0, 0.0, 2.0, 1.0])
    detected = np.array([1.0, 0.09, 0.1, 1.0, 0.8, 0.0])
    assert by_variance(variance, detected).tolist() == [2, 4, 0, 3, 1]
    assert by_variance(variance, detected, least=0.05).tolist() == [1, 2, 4, 0, 3]


def test_an_exact_tenth_of_the_spots_is_enough() -> None:
    for spots in (10, 70, 4990):
        assert by_variance(np.array([1.0, 2.0]), np.array([spots, spots / 10]) / spots).tolist() == [1, 0]


def test_of_a_smaller_panel_all_genes_are_taken_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert variable_count("variable:12", 12) == 12
        assert caplog.text == ""
        assert variable_count("variable:1000", 12) == 12
    assert "data.samples.vocabulary=variable:1000: there are 12 genes to choose from, and all are taken" in caplog.text


@pytest.mark.parametrize("wrong", ["many", "", "0", "-1", "2.5", "²"])
def test_a_number_of_genes_that_cannot_be_given_is_named(wrong: str) -> None:
    with pytest.raises(
        ConfigError, match=rf"data\.samples\.vocabulary=variable:{wrong}: give a number of genes, from 1 to 12"
    ):
        variable_count(f"variable:{wrong}", 12)
