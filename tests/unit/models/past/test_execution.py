"""How the towers run changes no number, and is done to the towers that were named."""

from typing import Any

import pytest
import torch
from tiny_contrast import batch_of
from torch._dynamo.testing import CompileCounter
from torch._dynamo.utils import counters

from past.base.errors import ConfigError
from past.models.past.cell_encoder import CellEncoder
from past.models.past.execution import TOWERS, Execution
from past.models.past.model import PASTModel
from past.models.past.module import PASTModule
from past.nn.blocks import blocks
from past.nn.colour import ColourGrid
from past.nn.image_encoder import ImageEncoder


def module(name: str = "test_vit", **execution: Any) -> PASTModule:
    """A transformer or a small ResNet beside a transformer, arranged."""
    torch.manual_seed(0)
    images = ImageEncoder(name, options={"img_size": 32} if "vit" in name else None)
    cells = CellEncoder(40, context=9, width=8, layers=2, heads=2, feedforward=12)
    made = PASTModule(PASTModel(images, cells, dim=5, dropout=0.3), execution=Execution(**execution))
    made.configure_model()
    return made


def loss_of(made: PASTModule, pairs: int = 6) -> torch.Tensor:
    torch.manual_seed(1)
    batch = batch_of(0, torch.float32, pairs)
    batch.crops = torch.nn.functional.interpolate(batch.crops, size=32)
    return made.loss(made.model(batch))


def update(made: PASTModule, pairs: int = 6) -> list[torch.Tensor]:
    loss = loss_of(made, pairs)
    loss.backward()
    return [loss.detach(), *(parameter.grad for parameter in made.parameters() if parameter.grad is not None)]


def assert_same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> None:
    for own, right in zip(ours, theirs, strict=True):
        assert (own - right).norm() <= 1e-5 + 1e-4 * right.norm()


def kept_for_backward(made: PASTModule) -> int:
    """Bytes that autograd holds after a forward pass."""
    held: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss_of(made)
    return sum(held.values())


def test_recomputed_towers_give_the_same_and_keep_less() -> None:
    plain, lean = module(), module(recompute=TOWERS)
    assert_same(update(lean), update(plain))
    assert kept_for_backward(lean) < 0.5 * kept_for_backward(plain)
    assert lean.state_dict().keys() == plain.state_dict().keys()


def test_channels_last_is_the_order_of_the_weights_and_nothing_else() -> None:
    plain, last = module("test_resnet"), module("test_resnet", channels_last=True)
    convolutions = [p for p in last.model.image_encoder.parameters() if p.ndim == 4 and p.shape[-1] > 1]
    assert convolutions
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in convolutions)
    assert_same(update(last), update(plain))


@pytest.mark.slow
def test_compiled_towers_give_the_same() -> None:
    counters.clear()
    plain, compiled = module(), module(compile=TOWERS)
    assert_same(update(compiled), update(plain))
    assert counters["stats"]["unique_graphs"] == 2  # a block of each tower: those that are alike are compiled once
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    torch.compiler.reset()


def test_blocks_compile_without_a_graph_break_and_not_anew_for_every_batch() -> None:
    made, counter = module(), CompileCounter()
    for name in TOWERS:
        for block in blocks(made.get_submodule(f"model.{name}")):
            block.compile(fullgraph=True, backend=counter)
    for pairs in (6, 5, 4, 3, 7):
        update(made, pairs)
    assert counter.frame_count <= 4  # once, and once more for any number of words, for each kind of block
    torch.compiler.reset()


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"module\.execution\.compile=fusion: a list of image_encoder and cell_encoder"
    ):
        Execution(compile=["fusion"])
    cells = CellEncoder(40, context=9, width=8, layers=1, heads=2, feedforward=12)
    made = PASTModule(PASTModel(ColourGrid(), cells), execution=Execution(recompute=["image_encoder"]))
    with pytest.raises(ConfigError, match=r"recompute=image_encoder: .* normalises over the batch.*updated twice"):
        module("test_resnet", recompute=["image_encoder"])
    with pytest.raises(ConfigError, match=r"recompute: image_encoder \(ColourGrid\) has no repeated blocks"):
        made.configure_model()
