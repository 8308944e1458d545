from types import SimpleNamespace

import lightning.pytorch as pl
import pytest

from past.base.errors import ConfigError
from past.training.steps import Length, training_length


def length(batches: int = 10, **bounds: int) -> Length:
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, **bounds)  # type: ignore[arg-type]
    trainer._data_connector._datahook_selector.datamodule = SimpleNamespace(batches_per_epoch=batches)  # type: ignore[assignment]
    return training_length(trainer)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"max_steps": 7}, Length(7)),
        ({"max_epochs": 3}, Length(30, 10)),
        ({"max_epochs": 3, "max_steps": 25}, Length(25)),
        ({"max_epochs": 2, "max_steps": 25}, Length(20, 10)),
        ({"max_epochs": 3, "accumulate_grad_batches": 4}, Length(9, 3)),  # the last update of an epoch is a short one
    ],
)
def test_updates_by_whichever_bound_ends_first(bounds: dict[str, int], expected: Length) -> None:
    assert length(**bounds) == expected


def test_a_training_without_end_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"max_epochs and trainer\.max_steps are both open"):
        length(max_epochs=-1, max_steps=-1)
