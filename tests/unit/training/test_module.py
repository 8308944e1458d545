from pathlib import Path

import pytest
import torch

from past.base.errors import TrainingError
from past.nn.colour import ColourGrid
from past.training.module import TrainedModule

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_checkpoint_carries_the_models_config_and_what_is_given_besides(tmp_path: Path) -> None:
    module = TrainedModule(ColourGrid(2))
    module.keep_in_checkpoints(tokenizer={"context": 3})
    module.keep_in_checkpoints(crops={"px": 224})
    checkpoint: dict[str, object] = {}
    module.on_save_checkpoint(checkpoint)
    assert checkpoint == {
        "past": {"model": {"part": "ColourGrid", "grid": 2}, "tokenizer": {"context": 3}, "crops": {"px": 224}}
    }
    torch.save(checkpoint, tmp_path / "plain.ckpt")
    assert torch.load(tmp_path / "plain.ckpt", weights_only=True) == checkpoint  # plain values, no code


def test_a_model_has_nothing_to_fit_unless_it_says_so() -> None:
    assert TrainedModule(ColourGrid(2)).has_parts_to_fit is False


def test_weights_that_are_no_numbers_are_not_saved() -> None:
    module = TrainedModule(ColourGrid(2))
    module.weight = torch.nn.Parameter(torch.tensor([1.0, float("nan")]))
    with pytest.raises(TrainingError, match="after update 7 weights are not finite, and training has ended; they were"):
        module.on_save_checkpoint({"global_step": 7})
