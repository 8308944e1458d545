"""Configurations and checkpoints of before the rooms get the names of today, and only these."""

from importlib import import_module

import pytest

from past.base.moved import DATA, MODULES, MOVED, SAMPLES, upgraded, with_states_of_today

OLD = {
    "seed": 7,
    "data": {
        "_target_": "past.data.datamodules.CellDataModule",
        "root": "shards",
        "batch_size": 8,
        "context": 300,
        "augmentation": {"_target_": "past.data.transforms.Augmentation", "stain": 0.1},
    },
    "model": {
        "_target_": "past.training.past_module.PASTModule",
        "dim": 8,
        "image_encoder": {"_target_": "past.models.colour.ColourGrid", "grid": 2},
        "loss": {"_target_": "past.training.past_module.Contrast", "kind": "siglip", "temperature": 0.2},
    },
}
NEW = {
    "seed": 7,
    "data": {
        "_target_": "past.data.stream.datamodule.DataModule",
        "root": "shards",
        "batch_size": 8,
        "samples": {
            "_target_": "past.models.past.samples.cells.CellSamples",
            "context": 300,
            "augmentation": {"_target_": "past.models.past.samples.augmentation.Augmentation", "stain": 0.1},
        },
    },
    "model": {
        "_target_": "past.models.past.model.PASTModel",
        "dim": 8,
        "image_encoder": {"_target_": "past.nn.colour.ColourGrid", "grid": 2},
        "temperature": 0.2,
    },
    "module": {
        "_target_": "past.models.past.module.PASTModule",
        "loss": {"_target_": "past.models.past.module.Contrast", "kind": "siglip"},
    },
}


def test_an_old_configuration_becomes_todays() -> None:
    assert upgraded(OLD) == NEW
    assert OLD["data"]["context"] == 300  # type: ignore[index]  # what was given is left alone


def test_todays_stays_as_it_is() -> None:
    assert upgraded(NEW) == NEW


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": ["past.data.masking.Masking"]},
        {"_target_": {"a": 1}, "model": {"_target_": [1]}},
        {"model": {"_target_": "past.training.past_module.PASTModule", "loss": 3}},
        {"model": {"_target_": "past.training.past_module.PASTModule", "loss": None}},
    ],
    ids=str,
)
def test_what_is_of_another_kind_is_left_to_those_who_read_it(node: dict) -> None:
    assert set(upgraded(node)) >= set(node)


def test_slides_are_still_read_whole() -> None:
    node = upgraded({"_target_": "past.data.slide_datamodule.SlideDataModule", "rounds": 3, "root": "slides"})
    assert (node["open_shards"], node["buffer"], node["samples"]["rounds"]) == (1, 0, 3)


@pytest.mark.parametrize("target", [DATA, *MOVED.values(), *SAMPLES.values(), *sum(MODULES.values(), ())])
def test_every_place_of_today_exists(target: str) -> None:
    module, _, name = target.rpartition(".")
    assert getattr(import_module(module), name).__name__ == name


def test_the_place_in_the_epoch_is_found_under_the_data_modules_name() -> None:
    state = {"epoch": 1}
    assert with_states_of_today({"CellDataModule": state, "epoch": 2}) == {"DataModule": state, "epoch": 2}
    assert with_states_of_today({"DataModule": state}) == {"DataModule": state}
