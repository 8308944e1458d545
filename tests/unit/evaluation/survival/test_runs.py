"""Which runs are a cross-validation, and which are not."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from past import config as door
from past.base.errors import ConfigError
from past.evaluation.survival.runs import COLLECTED, open_folds

NOTHING = dict.fromkeys(("root", "val", "train", "batch_size", "num_workers", "cache", "cache_gb"))


def asked(root: Path, **other: Any) -> dict[str, Any]:
    return {"output_root": str(root), "name": "survival", "run_id": None, "ckpt": "best", "data": NOTHING} | other


def changed(runs: Path, tmp_path: Path, run_id: str, **values: Any) -> Path:
    """Copy the runs, and one more whose settings are those of fold 2 but for `values` (dotted names with __)."""
    shutil.copytree(runs / "survival", tmp_path / "survival", ignore=shutil.ignore_patterns("results", COLLECTED))
    shutil.copytree(tmp_path / "survival" / "2", tmp_path / "survival" / run_id)
    path = tmp_path / "survival" / run_id / "config.yaml"
    config = yaml.safe_load(path.read_text())
    for name, value in values.items():
        *parents, last = name.split("__")
        node = config
        for parent in parents:
            node = node[parent]
        node[last] = value
    path.write_text(yaml.safe_dump(config))
    return tmp_path


def test_all_folds_are_opened_and_last_weights_count_without_best(runs: Path) -> None:
    run, folds = open_folds(asked(runs), door, None)
    assert run.directory.name == COLLECTED
    assert [(fold.seed, fold.number) for fold in folds] == [(42, 0), (42, 1), (42, 2)]
    assert {fold.checkpoint.name for fold in folds} == {"last.ckpt"}
    run, folds = open_folds(asked(runs, run_id="1"), door, None)
    assert (run.directory.name, [fold.number for fold in folds]) == ("1", [1])
    assert len(open_folds(asked(runs), door, ["0", "2"])[1]) == 2


def test_the_newest_of_a_fold_is_taken(runs: Path, tmp_path: Path) -> None:
    _, folds = open_folds(asked(changed(runs, tmp_path, "again")), door, None)
    assert [fold.run.directory.name for fold in folds] == ["0", "1", "again"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model__dim": 8}, r"differ in model.dim: they are no folds of one cross-validation; give task.runs="),
        ({"seed": 1}, "seed 1 has no run of fold 0, others have"),
        ({"data": {}}, "names no seed and data.samples.fold"),
    ],
)
def test_runs_that_do_not_belong_together_are_named(runs: Path, tmp_path: Path, values: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_folds(asked(changed(runs, tmp_path, "odd", **values)), door, None)


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run in"):
        open_folds(asked(tmp_path), door, None)
