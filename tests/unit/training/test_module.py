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


@pytest.mark.parametrize(("algorithm", "most"), [(None, 0.5), ("norm", 0.5), ("value", 0.5), ("norm", None)])
def test_sparse_gradients_are_clipped_too(
    algorithm: str | None, most: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(TrainedModule, "clip_gradients", lambda self, optimizer, *given: asked.append(given))
    module = TrainedModule(ColourGrid(2))
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    module.table = torch.nn.Embedding(4, 2, sparse=True)
    module.table(torch.tensor([1])).sum().backward()
    module.configure_gradient_clipping(optimizer, most, algorithm)
    clipped = most is not None and algorithm != "value"
    assert asked == ([] if clipped else [(most, algorithm)])  # what is not ours is left to Lightning
    assert module.table.weight.grad.to_dense().norm().item() == pytest.approx(0.5 if clipped else 2**0.5)
    module.table.weight.grad = module.table.weight.grad.to_dense()
    module.configure_gradient_clipping(optimizer, most, algorithm)
    assert asked[-1] == (most, algorithm)
