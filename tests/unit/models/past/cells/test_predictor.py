"""Bank and head together, on cells whose colour tells their expression."""

from pathlib import Path

import numpy as np
import pytest
from planted import Slice, write_planted
from tiny_past import fit_tiny, planted_data, tiny_module, tiny_trainer

from past.base.errors import ConfigError, DataError
from past.checkpoints.saved import Saved
from past.models.past.cells.head import HeadTraining
from past.models.past.cells.observed import ObservedCells, log_expression, observe
from past.models.past.cells.predictor import (
    CellPredictor,
    fit_predictor,
    folds_of,
    load_predictor,
    save_predictor,
    variable_genes,
)

HOW = HeadTraining(hidden=0, lr=1e-2, epochs=40)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[ObservedCells, ObservedCells]:
    """Training and validation cells, seen by a PAST that was trained for a moment."""
    root = tmp_path_factory.mktemp("set")
    write_planted(root / "set", [Slice("S0", "A", 60), Slice("S1", "B", 60), Slice("S2", "C", 40)])
    data = planted_data(root / "set")
    data.setup("fit")
    module = tiny_module()
    module.fit_parts(data.samples.for_fitting())
    fit_tiny(tiny_trainer(root, max_epochs=30), module, data)
    saved = Saved(module.model.eval(), data.samples.tokenizer.state(), dict(data.samples.crops))
    train, val = (observe(saved, side) for side in data.split)
    return train, val


@pytest.fixture(scope="module")
def predictor(cells: tuple[ObservedCells, ObservedCells]) -> CellPredictor:
    return fit_predictor(cells[0], "hash", 0.2, how=HOW, k=10)


def mean_r(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean([np.corrcoef(t, p)[0, 1] for t, p in zip(truth.T, predicted.T, strict=True)]))


def test_each_way_predicts_the_held_out_patient(
    cells: tuple[ObservedCells, ObservedCells], predictor: CellPredictor
) -> None:
    _, val = cells
    found = predictor(val.images, val.features, val.column("section"))
    columns = [val.genes.index(gene) for gene in predictor.bank.genes]
    truth = log_expression(val.counts, predictor.bank.target).toarray()[:, columns]
    by = {name: mean_r(truth, getattr(found, name)) for name in ("retrieval", "head", "mixture")}
    assert min(by.values()) > 0.5
    assert by["mixture"] > max(by["retrieval"], by["head"]) - 0.02
    share = predictor.genes["retrieval_share"].to_numpy()
    np.testing.assert_allclose(found.mixture, share * found.retrieval + (1 - share) * found.head, rtol=1e-5)
    assert 0.4 < predictor.genes["held_out_r_mixture"].mean() < 1


def test_saved_and_loaded_predicts_the_same(
    cells: tuple[ObservedCells, ObservedCells], predictor: CellPredictor, tmp_path: Path
) -> None:
    _, val = cells
    save_predictor(tmp_path / "p", predictor)
    again = load_predictor(tmp_path / "p")
    wanted, found = (one(val.images, val.features, val.column("section")).mixture for one in (predictor, again))
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    with pytest.raises(ConfigError, match="exists already"):
        save_predictor(tmp_path / "p", predictor)
    whole = (tmp_path / "p/head.pt").read_bytes()
    (tmp_path / "p/head.pt").write_bytes(whole[:-40] + bytes(4) + whole[-36:])
    with pytest.raises(DataError, match=r"head.pt: damaged, or of another predictor"):
        load_predictor(tmp_path / "p")
    (tmp_path / "p/head.json").write_text("{}")
    with pytest.raises(DataError, match="not a predictor of cells"):
        load_predictor(tmp_path / "p")


def test_patients_are_left_out_whole_else_sections_else_quarters(cells: tuple[ObservedCells, ObservedCells]) -> None:
    train, val = cells
    fold = folds_of(train)
    assert [set(train.column("patient")[fold == i]) for i in (0, 1)] == [{"A"}, {"B"}]
    assert sorted(set(folds_of(val).tolist())) == [0, 1, 2, 3]  # one patient, one section


def test_the_genes_are_the_most_variable_or_those_named(cells: tuple[ObservedCells, ObservedCells]) -> None:
    train, _ = cells
    ranked = variable_genes(train, 5)
    expression = log_expression(train.counts, 500).toarray()
    assert len(ranked) == 5
    assert expression[:, train.genes.index(ranked[0])].var() > np.median(expression.var(axis=0))
    assert fit_predictor(train, "h", 0.2, ranked[:2], HOW).bank.genes == tuple(ranked[:2])
    with pytest.raises(DataError, match="gene NONE is not in the panel of 24 genes"):
        fit_predictor(train, "h", 0.2, ["NONE"], HOW)
