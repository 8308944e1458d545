"""Gene statistics from a bounded sample."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shards import GENES, a_record, write_set

from past.base.errors import DataError
from past.data.stream.sampling import SHARDS
from past.models.past.samples import statistics
from past.models.past.samples.statistics import gene_statistics


def dense(number: int) -> np.ndarray:
    record = a_record(number)
    counts = np.zeros(len(GENES))
    counts[record.genes[: record.offsets[1]]] = record.counts[: record.offsets[1]]
    return counts * 10_000 / counts.sum()


def test_means_and_variances_are_those_of_the_cells_themselves(tmp_path: Path) -> None:
    index = write_set(tmp_path, [12, 7])
    scaled = np.array([dense(number) for size in (12, 7) for number in range(size)])
    statistics = gene_statistics(index)
    expressing = (scaled > 0).sum(0)
    np.testing.assert_allclose(
        statistics.technology_mean["Xenium"], scaled.sum(0) / np.maximum(expressing, 1), rtol=1e-12
    )
    np.testing.assert_allclose(statistics.variance, np.log1p(scaled).var(0), atol=1e-9)
    assert statistics.cells == 19
    chosen = statistics.most_variable(5)
    assert (np.diff(chosen) > 0).all()
    assert statistics.variance[chosen].min() >= np.delete(statistics.variance, chosen).max()
    assert statistics.varying == np.count_nonzero(statistics.variance)


def test_the_sample_is_bounded_and_the_same_each_time(tmp_path: Path) -> None:
    index = write_set(tmp_path, [40, 20])
    first, second = gene_statistics(index, 15), gene_statistics(index, 15)
    assert first.cells == 15
    np.testing.assert_array_equal(first.variance, second.variance)


def test_what_cannot_be_given_is_named(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3])
    with pytest.raises(DataError, match="the training split is empty"):
        gene_statistics(index.select(patients=[]))


def test_broken_samples_are_named_or_passed_over(tmp_path: Path) -> None:
    index = write_set(tmp_path, [5, 4])
    (tmp_path / index.shards[1].name).unlink()
    with pytest.raises(DataError, match=r"S1-000000.tar: cannot be opened"):
        gene_statistics(index)
    assert gene_statistics(index, on_error="skip").cells == 5


def test_a_rare_technology_has_a_mean_too(tmp_path: Path) -> None:
    sizes = [1] * 100
    index = write_set(tmp_path, sizes)
    about = {f"S{i}": {"technology": "Visium" if i == 99 else "Xenium"} for i in range(100)}
    facts = replace(index, sections=about)
    seen = [part.samples for part in statistics._by_technology(facts)]
    assert seen == [1, 99]
    assert statistics.gene_statistics(facts).cells == 1 + SHARDS
