"""A head in training: it learns, its tower stays, or moves at its own rate."""

from pathlib import Path

import numpy as np
import pytest
import torch
from planted import GENES, Slice, write_planted
from tiny_past import fit_tiny, tiny_trainer

from past.base.errors import ConfigError
from past.data.stream.datamodule import DataModule
from past.models.past.cells.module import ExpressionModule
from past.models.past.cells.samples import ExpressionSamples
from past.models.past.cells.tower_head import ImageToExpression
from past.models.past.optim import Optim
from past.nn.layers import Part


class Colour(Part):
    """Mean colours through a linear layer: a tower with weights."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 6
        self.linear = torch.nn.Linear(3, 6)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return self.linear(crops.float().mean((2, 3)) / 50)


def data_in(root: Path) -> DataModule:
    write_planted(root / "set", [Slice("S0", "A", 60), Slice("S1", "B", 60), Slice("S2", "C", 40)])
    return DataModule(
        root=str(root / "set"), batch_size=20, val=["C"], num_workers=0, samples=ExpressionSamples(), seed=0
    )


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("loss", ["mse", "negative_binomial"])
def test_the_head_learns_and_a_frozen_tower_stays(tmp_path: Path, frozen: bool, loss: str) -> None:
    torch.manual_seed(0)
    data = data_in(tmp_path)
    data.setup("fit")
    model = ImageToExpression(Colour(), **data.samples.model_sizes, hidden=0, frozen=frozen)
    before = model.image_encoder.linear.weight.detach().clone()  # type: ignore[union-attr]
    module = ExpressionModule(model, loss, 500.0, Optim(lr=1e-2, warmup=0.0))  # type: ignore[arg-type]
    module.fit_parts(data.samples.for_fitting())
    trainer = tiny_trainer(tmp_path, max_epochs=8)
    fit_tiny(trainer, module, data)
    assert float(trainer.callback_metrics["val/r"]) > 0.6
    stays = torch.equal(model.image_encoder.linear.weight, before)  # type: ignore[union-attr]
    assert stays == frozen


def test_batches_hold_each_cells_own_counts_and_panel(tmp_path: Path) -> None:
    data = data_in(tmp_path)
    data.setup("fit")
    (batch, *_) = data.val_dataloader()
    assert batch.counts.shape == (20, len(GENES))
    np.testing.assert_allclose(batch.counts.sum(dim=1), batch.totals[:, 0])
    assert batch.measured.all()
    few = ExpressionSamples("variable:5")
    few.attach(data.samples._shards)
    assert few.model_sizes == {"genes": 5}
    columns = [GENES.index(gene) for gene in few.gene_names]
    (sample, *_) = few.for_fitting(cells=30)
    whole = data.samples.for_fitting(cells=30)[0]
    np.testing.assert_array_equal(sample.counts, whole.counts[:, columns])
    np.testing.assert_array_equal(sample.totals, whole.totals)


def test_a_loss_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"module\.loss=l1"):
        ExpressionModule(ImageToExpression(Colour(), 3), "l1")  # type: ignore[arg-type]
