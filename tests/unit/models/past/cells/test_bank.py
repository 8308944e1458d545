"""The bank: who is in it, who may not be predicted by it, and how far away is too far."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.models.past.cells.bank import Bank, read_bank, write_bank
from past.models.past.cells.observed import ObservedCells


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def observed(cells: int = 60, patients: int = 3, genes: int = 4, seed: int = 0) -> ObservedCells:
    rng = np.random.default_rng(seed)
    images = unit(rng.normal(size=(cells, 8)) + np.array([4, *[0] * 7]))
    who = [f"P{i % patients}" for i in range(cells)]
    types = ["T" if i % 2 else "" for i in range(cells)]
    obs = pd.DataFrame(
        {"section": [f"S{name}" for name in who], "patient": who, "cell_type": types},
        index=pd.Index([f"c{i}" for i in range(cells)]),
    )  # fmt: skip
    counts = csr_matrix(rng.poisson(5, (cells, genes)).astype(float))
    return ObservedCells(
        images, unit(images + 0.1 * rng.normal(size=images.shape)), rng.normal(size=(cells, 5)).astype(np.float32),
        counts, tuple(f"G{i}" for i in range(genes)), rng.uniform(0, 500, (cells, 2)), obs,
    )  # fmt: skip


def test_written_and_read_is_equal(tmp_path: Path) -> None:
    bank = Bank.of(observed(), "hash", 0.2)
    write_bank(tmp_path / "bank.h5ad", bank)
    again = read_bank(tmp_path / "bank.h5ad")
    for name in ("keys", "images"):
        np.testing.assert_array_equal(getattr(again, name), getattr(bank, name))
    np.testing.assert_array_equal(again.expression.toarray(), bank.expression.toarray())
    pd.testing.assert_frame_equal(again.obs, bank.obs)
    assert (again.genes, again.target, again.weights, again.temperature, again.limit) == (
        bank.genes, bank.target, "hash", 0.2, bank.limit
    )  # fmt: skip
    (tmp_path / "bank.h5ad").unlink()
    with pytest.raises(DataError, match="no such file"):
        read_bank(tmp_path / "bank.h5ad")


def test_the_patient_who_is_predicted_may_not_be_in_it() -> None:
    bank = Bank.of(observed(), "hash", 0.2)
    bank.require_apart(["P9"], ["S9"])
    with pytest.raises(DataError, match="the bank holds cells of P1, who is to be predicted"):
        bank.require_apart(["P1"])
    with pytest.raises(DataError, match="cells of SP2"):
        bank.require_apart(["P9"], ["SP2"])
    part = bank.of_patients(["P0", "P2"])
    assert part.patients == ("P0", "P2")
    assert len(part) == 40
    part.require_apart(["P1"])
    with pytest.raises(DataError, match="the bank has no patient P7: it has P0, P1, P2"):
        bank.of_patients(["P7"])


def test_the_limit_is_what_few_training_cells_stay_below() -> None:
    cells = observed(300)
    bank = Bank.of(cells, "hash", 0.2)
    patients = cells.column("patient")
    similar = np.where(patients[:, None] == patients, -2, cells.images @ cells.images.T).max(axis=1)
    assert bank.limit == pytest.approx(np.quantile(similar, 0.005), abs=1e-6)
    alone = Bank.of(observed(50, patients=1), "hash", 0.2)
    assert -1 < alone.limit < 1


def test_panels_are_of_sections() -> None:
    cells = observed()
    cells.counts[np.flatnonzero(cells.column("section") == "SP1"), 3] = 0
    number, panels = Bank.of(cells, "hash", 0.2).sections
    assert panels.tolist() == [[True] * 4, [True, True, True, False], [True] * 4]
    assert number[:3].tolist() == [0, 1, 2]
