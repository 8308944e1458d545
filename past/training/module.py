"""What the Lightning modules of all models share: a model in training, and what its checkpoints carry besides."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import lightning.pytorch as pl
from torch.optim import Optimizer

from past.base.errors import TrainingError
from past.nn.layers import Part
from past.training.norms import clip_to_norm, is_finite


class TrainedModule(pl.LightningModule):
    """A model in training; a subclass says what its steps, its validation and its optimiser are.

    Args:
        model: what is trained; its weights and its `config` go into every checkpoint.
    """

    monitor: ClassVar[str]  # the metric, higher is better, by which the best checkpoint is chosen
    has_parts_to_fit: bool = False  # whether `fit_parts` does anything
    batches_per_epoch: Callable[[], int] | None = None  # of each rank; asked when the optimiser is made

    def __init__(self, model: Part) -> None:
        super().__init__()
        self.model: Any = model
        self._kept: dict[str, Any] = {}

    def keep_in_checkpoints(self, **values: Mapping[str, Any]) -> None:
        """Put plain values into every checkpoint beside the weights (configuration, vocabulary)."""
        self._kept |= values

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the model without this program's configuration; Lightning asks all ranks for it.

        Raises:
            TrainingError: weights that are not finite; no checkpoint is written over by them.
        """
        if not is_finite(self):
            raise TrainingError(
                f"after update {checkpoint['global_step']} weights are not finite, and training has ended; they were "
                "not saved: begin under another run_id with a lower module.optim.lr"
            )
        checkpoint["past"] = {"model": self.model.config, **self._kept}

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip as the trainer is told, also where gradients are sparse, of which torch before 2.13 takes no norm."""
        sparse = any(parameter.grad is not None and parameter.grad.is_sparse for parameter in self.parameters())
        if sparse and gradient_clip_val and gradient_clip_algorithm in (None, "norm"):
            clip_to_norm(self.parameters(), gradient_clip_val)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def fit_parts(self, sample: Any) -> None:
        """Fit what is computed from training data and not learned, before the first update.

        Args:
            sample: what `for_fitting` of the model's samples returned.
        """
