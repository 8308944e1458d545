"""STPath on two ranks: one run, the same weights on both, slides shared out."""

from pathlib import Path

import pytest
import torch
from ranks import train_on_ranks
from slide_shards import write_slides
from tiny_training import metrics_of

TINY = (
    "experiment=stpath_demo", "run_id=two", "trainer=ddp", "trainer.accelerator=cpu", "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1", "callbacks.progress=null", "+callbacks.weights._target_=tiny_training.SaveWeights",
    "data.val=[C,D]", "data.samples.rounds=2", "data.batch_size=1", "data.samples.masking.patch=[20,40]", "model.dim=8",
)  # fmt: skip


@pytest.mark.slow
def test_two_ranks_train_one_stpath(tmp_path: Path) -> None:
    slides = write_slides(tmp_path / "slides", ("A1", "A2", "B1", "C1", "D1"))
    places = (f"data.root={slides}", f"output_root={tmp_path}", f"+callbacks.weights.directory={tmp_path}")
    train_on_ranks(2, [*TINY, *places])
    one, other = (torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    rows = metrics_of(tmp_path / "stpath_demo" / "two")
    assert len(rows) == 6  # six samples an epoch, two ranks, one a batch
    assert sum(bool(row["val/pearson@50/context"]) for row in rows) == 2
