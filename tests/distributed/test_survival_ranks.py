"""Survival on two ranks: Cox's likelihood over the global batch makes the weights of one process."""

from pathlib import Path

import pytest
import torch
from ranks import train_on_ranks
from tiny_cohort import plant

WORDS = (
    "experiment=survival", "trainer.accelerator=cpu", "callbacks.progress=null", "model.dim=8", "model.dropout=0",
    "trainer.max_epochs=4", "+callbacks.weights._target_=tiny_training.SaveWeights", "data.val=0.25",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("intervals", [0, 3])
def test_two_ranks_are_one_process(tmp_path: Path, intervals: int) -> None:
    """With whole epochs as batches; the ranks hold unlike numbers of patients, some without slides or gene sets."""
    cohort = plant(tmp_path / "cohort", patients=61, by_tiles=1.0, without=(4, 4))
    arms = (*cohort.words, *cohort.molecules, *cohort.image, f"data.samples.intervals={intervals}")
    for world, trainer, size in ((1, "cpu", 64), (2, "ddp", 32)):
        (tmp_path / str(world)).mkdir()
        places = (f"output_root={tmp_path}", f"run_id={world}", f"+callbacks.weights.directory={tmp_path}/{world}")
        train_on_ranks(world, [*WORDS, *arms, *places, f"trainer={trainer}", f"data.batch_size={size}"])
    one, first, second = (torch.load(tmp_path / f"{place}.pt") for place in ("1/rank0", "2/rank0", "2/rank1"))
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert max((value - first[name]).abs().max().item() for name, value in one.items()) < 1e-6
