"""What a data module asks of a model's samples, and what a model gets for nothing."""

from pathlib import Path
from typing import Any

import pytest
import torch
from shards import GENES, SIDE, write_set

from past.base.errors import CheckpointError, ConfigError
from past.base.genes import gene_hash
from past.data.shards.reader import Faults
from past.data.stream.datamodule import DataModule, ModelSamples
from past.data.stream.stream import RawBatch


class Keys(ModelSamples[Any]):
    """A model that reads the samples' keys alone."""

    on_error = "raise"

    def collate(self, training: bool, rank: int) -> "Keys":
        return self

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[Any, Faults]:
        return [cell.key for cell in raw.samples], raw.faults


def module(root: Path, **options: Any) -> DataModule[Any]:
    write_set(root, [5, 4, 3])
    return DataModule(str(root), Keys(), batch_size=4, val=["P2"], num_workers=0, **options)


def test_samples_know_the_shards_before_anything_is_asked_of_them(tmp_path: Path) -> None:
    data = module(tmp_path / "set")
    assert list(data.samples.gene_names) == list(GENES)
    assert data.samples.tokenizer_state == {"vocabulary_hash": gene_hash(GENES)}
    assert data.samples.crops == {"mpp": 0.5, "px": SIDE}
    assert data.samples.model_sizes == {}
    assert data.samples.for_fitting() is None
    assert data.samples.epoch().samples == 9  # of patients P0 and P1


def test_a_checkpoint_is_told_the_data(tmp_path: Path) -> None:
    told = module(tmp_path / "set").description()
    assert told["trained_on"]["sections"] == ["S0", "S1"]
    assert list(told["trained_on"]["patients"]) == ["P0", "P1"]
    assert told["tokenizer"]["vocabulary_hash"] == gene_hash(GENES)


def test_a_checkpoint_of_other_genes_is_refused_with_both_hashes(tmp_path: Path) -> None:
    data = module(tmp_path / "set")
    data.samples.require_same({"vocabulary_hash": gene_hash(GENES)}, "run.ckpt")
    with pytest.raises(CheckpointError, match=rf"run\.ckpt: its vocabulary is abc, the data's is {gene_hash(GENES)}"):
        data.samples.require_same({"vocabulary_hash": "abc"}, "run.ckpt")


def test_a_batch_goes_to_the_device_whole(tmp_path: Path) -> None:
    data = module(tmp_path / "set")
    moved = data.transfer_batch_to_device(torch.ones(2), torch.device("meta"), 0)  # type: ignore[arg-type]
    assert moved.is_meta


def test_what_happens_to_broken_samples_is_one_of_two_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.on_error=ignore: use raise or skip"):
        module(tmp_path / "set", on_error="ignore")
