"""Cells of shards as a PAST sees them."""

import numpy as np
import pytest
from planted import GENES
from scipy.sparse import csr_matrix
from tiny_past import planted_data, planted_model

from past.base.errors import CheckpointError, DataError
from past.checkpoints.saved import Saved
from past.models.past.cells.observed import centred_units, log_expression, observe, standardised, usual_total
from past.models.past.embed import embed_cells
from past.nn.colour import ColourGrid


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    data = planted_data(tmp_path_factory.mktemp("set") / "set")
    data.setup("validate")
    return data, Saved(planted_model(data), data.samples.tokenizer.state(), dict(data.samples.crops))


def test_each_cell_is_seen_once_and_with_its_own_counts(made) -> None:
    data, saved = made
    found = observe(saved, data.split.val, batch_size=7, other={"mean": lambda crops: crops.float().mean((2, 3))})
    assert len(found) == 20
    assert found.genes == GENES
    same = embed_cells(saved.model, data.val_dataloader())
    assert list(found.obs.index) == same.keys
    np.testing.assert_allclose(found.images, same.images, atol=1e-6)
    np.testing.assert_allclose(found.cells, same.cells, atol=1e-6)
    assert set(found.column("patient")) == {"C"}
    assert found.other["mean"].shape == (20, 3)
    assert found.counts.sum() > 0
    assert found.panels().all()
    part = found.at(np.array([3, 5]))
    np.testing.assert_array_equal(part.counts.toarray(), found.counts.toarray()[[3, 5]])
    assert list(part.obs.index) == [same.keys[3], same.keys[5]]


def test_another_model_is_refused(made) -> None:
    data, _ = made
    with pytest.raises(CheckpointError, match="holds a ColourGrid, not PAST"):
        observe(Saved(ColourGrid(2), source="x"), data.split.val)


def test_counts_are_scaled_to_the_usual_total() -> None:
    counts = csr_matrix(np.array([[1.0, 3.0], [0.0, 0.0], [4.0, 4.0]]))
    assert usual_total(counts) == 4
    np.testing.assert_allclose(log_expression(counts, 4).toarray(), np.log1p([[1, 3], [0, 0], [2, 2]]))


def test_no_cells_are_told(made) -> None:
    data, saved = made
    with pytest.raises(DataError, match="no cell to read"):
        observe(saved, data.split.val.select(sections=[]))


def test_each_sections_own_mean_is_taken_away() -> None:
    rng = np.random.default_rng(0)
    sections = np.repeat(["A", "B"], [30, 50])
    rows = rng.normal(size=(80, 5)) + np.where(sections == "A", 9, -3)[:, None]
    found = standardised(rows, sections)
    for name in "AB":
        np.testing.assert_allclose(found[sections == name].mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(found[sections == name].std(axis=0), 1, atol=1e-5)
    units = centred_units(rows, sections)
    own = rows[sections == "B"] - rows[sections == "B"].mean(axis=0)
    np.testing.assert_allclose(units[sections == "B"], own / np.linalg.norm(own, axis=1, keepdims=True), atol=1e-6)
