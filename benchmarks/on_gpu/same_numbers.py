"""The card computes what the CPU computes: float32 without TF32, bf16, cached chunks, and a run that was cut."""

import copy
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from on_gpu.machine import Machine, Row
from on_gpu.past_step import GENES, towers
from ranks import Contrasted, batch_of
from stpath import GENES as TOKENS
from stpath import slide_batch
from torch import nn
from typer.testing import CliRunner

from past import config as door
from past.cli.app import app
from past.models import load_model
from past.models.past.batch import CellBatch
from past.models.past.module import Contrast
from past.models.stpath.batch import SlideBatch
from past.models.stpath.loss import masked_expression
from past.models.stpath.model import STPath
from past.nn.dropout import number_dropouts
from past.train import train

SINGLE, HALF = 1e-5, 1e-2


class Objective(nn.Module):
    """STPath's loss on a batch of slides."""

    def __init__(self) -> None:
        super().__init__()
        self.model = STPath(TOKENS, dim=64, depth=2, heads=4, dropout=0.0, attention_dropout=0.0)

    def forward(self, batch: SlideBatch) -> torch.Tensor:
        """Return the loss."""
        return masked_expression(self.model(batch), self.model.head, batch.scored)


def doubled(batch: CellBatch | SlideBatch) -> CellBatch | SlideBatch:
    """Return the batch with its numbers in double precision."""
    return batch.map(lambda values: values.double() if values.is_floating_point() else values)


def gradients(model: nn.Module, batch: object, machine: Machine, bf16: bool = False) -> list[torch.Tensor]:
    """Return the loss and all gradients, in double precision on the CPU."""
    model.zero_grad()
    with torch.autocast(machine.device.type, torch.bfloat16, enabled=bf16):
        loss = model(batch)
    loss.backward()
    found = [loss, *(parameter.grad for parameter in model.parameters() if parameter.grad is not None)]
    return [value.detach().double().cpu() for value in found]


def apart(ours: list[torch.Tensor], right: list[torch.Tensor]) -> float:
    """Return the largest difference, relative to each tensor's largest number."""
    return max(float((a - b).abs().max() / b.abs().max().clamp_min(1e-2)) for a, b in zip(ours, right, strict=True))


def run(machine: Machine) -> Iterator[Row]:
    """Losses and gradients of both models beside double precision on the CPU."""
    torch.manual_seed(0)
    past = Contrasted(towers(toy=True), Contrast("info_nce")).eval()
    cases = (("PAST", past, batch_of(8, GENES, seed=0)), ("STPath", Objective().eval(), slide_batch(2, 64, 48)))
    host = Machine(torch.device("cpu"), machine.toy)
    for name, model, batch in cases:
        right = gradients(copy.deepcopy(model).double(), doubled(batch), host)
        there = copy.deepcopy(model).to(machine.device)
        for kind, bf16, most in (("float32", False, SINGLE), ("bf16", True, HALF)):
            error = apart(
                gradients(there, batch.to(machine.device), machine, bf16)[: 1 if bf16 else None],
                right[: 1 if bf16 else None],
            )
            what = f"{name} in {kind}: {'loss' if bf16 else 'loss and gradients'} beside the CPU's"
            yield Row(what, f"{error:.1e} relative", f"≤ {most:g}", error <= most)


def chunks(machine: Machine) -> Iterator[Row]:
    """A batch in chunks gives the gradients of the whole batch, dropout included."""
    torch.manual_seed(0)
    model = towers(toy=True).to(machine.device).train()
    number_dropouts(model)
    batch = batch_of(8, GENES, seed=0).to(machine.device)
    whole, cut = (Contrasted(model, Contrast("info_nce", cache_chunk=chunk)) for chunk in (None, 3))
    error = apart(gradients(cut, batch, machine), gradients(whole, batch, machine))
    yield Row(
        "cached chunks beside the whole batch, with dropout", f"{error:.1e} relative", f"≤ {SINGLE:g}", error <= SINGLE
    )


def resumed(machine: Machine) -> Iterator[Row]:
    """A run that crashed and goes on ends with the weights of one that did not."""
    with TemporaryDirectory() as folder:
        whole, cut = (_trained(Path(folder), machine, name) for name in ("whole", "cut"))
    same = all(torch.equal(a, b) for a, b in zip(cut, whole, strict=True))
    value = "to the bit" if same else f"{apart(cut, whole):.1e} relative"
    yield Row("resumed after a crash beside undisturbed, 6 updates", value, "to the bit", same)


def _trained(folder: Path, machine: Machine, name: str) -> list[torch.Tensor]:
    import slides  # noqa: F401 - it knows where the tests' callbacks lie
    from tiny_training import Stopped

    shards = folder / "shards"
    if not shards.exists():
        made = ["shards", "synthetic", "--patients", "3", "--cells", "80", "--px", "32", "--out", str(shards)]
        CliRunner().invoke(app, made, catch_exceptions=False)
    trainer = "gpu" if machine.on_gpu else "cpu"
    words = ["experiment=demo", f"trainer={trainer}", f"data.root={shards}", f"output_root={folder}", f"run_id={name}"]
    words += ["trainer.max_steps=6", "data.batch_size=16", "callbacks.progress=null", "callbacks.last.every=1"]
    if name == "cut":
        with suppress(Stopped):
            train(
                door._compose(
                    "train", [*words, "+callbacks.stop._target_=tiny_training.CrashAt", "+callbacks.stop.step=3"]
                )
            )
    train(door._compose("train", words))
    saved = load_model(folder / "demo" / name / "checkpoints" / "last.ckpt")
    return [value.double().cpu() for value in saved.model.state_dict().values()]
