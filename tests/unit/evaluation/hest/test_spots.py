"""A fold's samples in memory: read once, their genes the fold's, a sample that is broken named by its fold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_bench import GENES, SPOTS, write_task

from past.base.errors import DataError
from past.evaluation.hest.layout import read_task
from past.evaluation.hest.spots import TaskData


def test_a_fold_has_its_own_genes_and_every_sample_is_read_once(tmp_path: Path) -> None:
    task = read_task(write_task(tmp_path))
    data = TaskData(task, [{"A": "patient 1"}])
    fold = data.fold(replace(task.folds[0], genes=GENES[2:4]))
    assert (fold.title, fold.genes) == ("IDC fold 0", GENES[2:4])
    assert [spots.name for spots in fold.test] == ["A"]
    assert [spots.patient for spots in (*fold.test, *fold.train)] == ["patient 1", "B", "C"]  # nobody says whose
    whole = data.fold(replace(task.folds[0], genes=GENES))
    assert whole.test[0].expression.shape == (SPOTS, len(GENES))
    np.testing.assert_array_equal(fold.test[0].expression, whole.test[0].expression[:, 2:4])
    assert fold.test[0].patches is whole.test[0].patches


def test_a_test_spot_has_its_place_its_sample_and_its_patient_where_one_is_known(tmp_path: Path) -> None:
    task = read_task(write_task(tmp_path))
    fold = replace(task.folds[0], test=(*task.folds[0].test, *task.folds[1].test), train=task.folds[2].test)
    data = TaskData(task, [{"A": "patient 1"}])
    places = data.places(data.fold(fold))
    assert places.sections.tolist() == ["A"] * SPOTS + ["B"] * SPOTS
    assert places.patients.tolist() == ["patient 1"] * SPOTS + [""] * SPOTS
    assert places.at(np.array([0, SPOTS + 7])).coords.tolist() == [[0, 0], [100, 100]]


def test_a_broken_sample_is_named_with_its_fold_each_time(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    (folder / "patches" / "B.h5").write_bytes(b"cut off")
    data = TaskData(read_task(folder), [])
    for fold in data.task.folds:
        with pytest.raises(DataError, match=rf"IDC fold {fold.number} did not run: .*B\.h5: not an HDF5 file"):
            data.fold(fold)
