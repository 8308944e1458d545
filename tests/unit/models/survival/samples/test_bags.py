"""Bags of patients: all slides of each, who has what, which side trains, what is wrong."""

from pathlib import Path
from shutil import copy

import h5py
import numpy as np
import pytest
import torch
from tiny_cohort import FEATURES, Planted, plant

from past.base.errors import ConfigError, DataError
from past.data.stream.datamodule import DataModule
from past.models.survival.samples.bags import BagSamples


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("made") / "cohort", patients=36, without=(3, 3))


def samples(root: Path, **other: object) -> BagSamples:
    folder = root.parent
    both = {"features": f"{folder}/features", "gene_sets": f"{folder}/sets.csv", "expression": f"{folder}/rna.csv"}
    return BagSamples(**{"folds": f"{folder}/fold_{{fold}}.csv", **both, **other})  # type: ignore[arg-type]


def test_all_slides_of_a_patient_are_one_bag(cohort: Planted) -> None:
    data = DataModule(str(cohort.root), samples(cohort.root), val=0.0)
    bag = data.samples.bags.read("P003")
    slides = [h5py.File(cohort.root.parent / "features" / f"P003-{k}.h5")["features"][:] for k in (0, 1)]
    assert np.array_equal(bag.tiles, np.concatenate(slides))
    assert data.samples.bags.read("P001").tiles.shape == (0, FEATURES)
    assert data.samples.bags.read("P035").scores is None
    (batch,) = data.samples.bags.batches(["P001", "P003", "P035"], 3)
    assert batch.lengths.tolist()[:2] == [0, len(bag.tiles)]
    assert batch.has_gene_sets.tolist() == [True, True, False]
    assert batch.gene_sets[2].tolist() == [0, 0, 0, 0]


def test_the_test_side_never_trains_and_validation_takes_sites(cohort: Planted) -> None:
    whole = DataModule(str(cohort.root), samples(cohort.root, fold=1), val=0.0)
    assert set(whole.split.train.patients) == set(whole.samples.sides.train)
    assert whole.split.val.samples == 0
    parted = DataModule(str(cohort.root), samples(cohort.root, fold=1), val=0.3)
    train, val = (side.patients for side in parted.split)
    assert not set(train) & set(val)
    assert set(train) | set(val) == set(whole.split.train.patients)
    named = DataModule(str(cohort.root), samples(cohort.root, fold=1), val=["P000", "P002"])
    assert named.split.val.patients == ("P000", "P002")


def test_only_training_patients_set_the_scale_and_the_intervals(cohort: Planted) -> None:
    data = DataModule(str(cohort.root), samples(cohort.root, intervals=3), val=0.3)
    own = np.stack(
        [data.samples.scores.of[name] for name in data.split.train.patients if name in data.samples.scores.of]
    )
    assert torch.allclose(data.samples.for_fitting().mean, torch.from_numpy(own.mean(0)), atol=1e-6)
    side = [data.samples.cohort[name] for name in data.samples.sides.train]
    events = [patient.time for patient in side if patient.event]
    assert data.samples.bags.cuts == pytest.approx(np.quantile(events, [1 / 3, 2 / 3]))
    assert data.samples.model_sizes == {"features": FEATURES, "gene_sets": 4, "outputs": 3}
    assert samples_alone(cohort).model_sizes == {"features": 0, "gene_sets": 4, "outputs": 1}


def samples_alone(cohort: Planted) -> BagSamples:
    """Gene sets alone: who has none is left out."""
    data = DataModule(str(cohort.root), samples(cohort.root, features=None), val=0.0)
    assert data.index.samples == 33
    return data.samples  # type: ignore[return-value]


def test_the_stream_gives_every_training_patient_once(cohort: Planted) -> None:
    data = DataModule(str(cohort.root), samples(cohort.root), batch_size=7, val=0.0, num_workers=0)
    data.setup("fit")
    loader = data.train_dataloader()
    first, second = ([name for batch in loader for name in batch.names] for _ in range(2))
    assert sorted(first) == sorted(second) == sorted(data.split.train.patients)
    assert first != second
    assert data.val_dataloader() == []


def test_a_broken_file_is_named_or_skipped(cohort: Planted, tmp_path: Path) -> None:
    folder = tmp_path / "cohort"
    (folder / "features").mkdir(parents=True)
    for path in cohort.root.parent.rglob("*.*"):
        copy(path, folder / path.relative_to(cohort.root.parent))
    with h5py.File(folder / "features" / "P004-0.h5", "r+") as file:
        file["features"][0, 0] = np.nan
    data = DataModule(str(folder / "patients.csv"), samples(folder / "patients.csv"), val=0.0, num_workers=0)
    data.setup("fit")
    with pytest.raises(DataError, match=r"P004-0.h5: features that are not finite"):
        list(data.train_dataloader())
    root = str(folder / "patients.csv")
    data = DataModule(root, samples(Path(root)), val=0.0, num_workers=0, on_error="skip", max_skipped=0.1)
    data.setup("fit")
    assert sum(len(batch) for batch in data.train_dataloader()) == 23


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"intervals": 1}, "one interval tells nobody apart"),
        ({"gene_sets": None}, "give both, or neither"),
        ({"gene_sets": None, "expression": None, "features": None}, "give features, or gene_sets and expression"),
        ({"fold": -1}, "data.samples.fold=-1"),
    ],
)
def test_settings_that_cannot_be_are_refused(cohort: Planted, given: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        samples(cohort.root, **given)


@pytest.mark.parametrize(
    ("given", "split", "said"),
    [
        ({"features": "nowhere"}, {}, "nowhere: no such folder"),
        ({"folds": "nowhere.csv"}, {}, "nowhere.csv: no such file"),
        ({}, {"val": ["P001"], "train": ["P001"]}, "P001 is named by data.val and by data.train"),
        ({}, {"val": ["P000"]}, "data.val: P000 is not of fold 0's training side"),
    ],
)
def test_data_that_cannot_be_is_refused(cohort: Planted, given: dict, split: dict, said: str) -> None:
    with pytest.raises(DataError, match=said):
        DataModule(str(cohort.root), samples(cohort.root, **given), **{"val": 0.0, **split})


def test_a_folder_without_any_slide_is_refused(cohort: Planted, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no <slide_id>.h5 of any patient"):
        DataModule(str(cohort.root), samples(cohort.root, features=str(tmp_path)), val=0.0)
