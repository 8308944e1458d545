"""STPath on slides of any size, beside the published attention where that fits."""

from collections.abc import Callable, Iterator

import torch
from on_gpu.machine import Machine, Row, shown
from stpath import ASKED, GENES, Published, dense, slide_batch

from past.models.stpath.batch import SlideBatch
from past.models.stpath.loss import masked_expression
from past.models.stpath.model import STPath

LIMITS = {20_000: (1.0, 4.0), 100_000: (15.0, None)}  # spots → seconds, GiB


def stpath_of(machine: Machine) -> STPath:
    """Return an STPath of the published size, or a toy."""
    return (STPath(GENES, dim=32, depth=1) if machine.toy else STPath(GENES)).to(machine.device)


def predicting(machine: Machine, model: STPath, batch: SlideBatch, genes: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Return a call that predicts a slide."""

    @torch.no_grad()
    def call() -> torch.Tensor:
        with torch.autocast(machine.device.type, torch.bfloat16):
            return model.head(model(batch), genes)

    return call


def run(machine: Machine) -> Iterator[Row]:
    """Seconds and memory of a prediction, 50 genes and all; and of an update."""
    torch.manual_seed(0)
    model = stpath_of(machine).eval()
    for spots in (64, 200) if machine.toy else (3_798, 20_000, 100_000):
        batch = slide_batch(1, spots, spots).to(machine.device)
        for name, genes in (("50 genes", torch.arange(2, 2 + ASKED)), ("all genes", torch.arange(GENES))):
            if name == "all genes" and spots > 20_000:
                continue  # 15 GB of predictions, which are written part by part

            predict = predicting(machine, model, batch, genes.to(machine.device))
            seconds, gib = machine.seconds(predict, repeats=3, warm_up=1), machine.gib(predict)
            limit, most = LIMITS.get(spots, (None, None))
            what, value = f"STPath predicts {name} of {spots:,} spots, bf16", f"{seconds}{shown(gib)}"
            if name == "50 genes" and limit is not None:
                fits = seconds.median < limit and (most is None or (gib or 0) < most)
                wanted = f"< {limit:g} s" + (f", < {most:g} GiB" if most else "")
                yield machine.wanted(what, value, wanted, fits)
            else:
                yield Row(what, value)
    if machine.toy:
        return  # the published program is of the published size
    batch = slide_batch(1, 3_798, 3_798)
    published = Published(STPath(GENES)).to(machine.device).eval()
    expression = dense(batch).to(machine.device)

    @torch.no_grad()
    def theirs() -> torch.Tensor:
        with torch.device(machine.device):
            return published(batch.to(machine.device), expression)

    yield Row(
        "published attention, 3,798 spots, float32", f"{machine.seconds(theirs, 3, 1)}{shown(machine.gib(theirs))}"
    )


def update(machine: Machine) -> Iterator[Row]:
    """An update of a batch of slides."""
    torch.manual_seed(0)
    model = stpath_of(machine).train()
    batch = slide_batch(2, *((64, 48) if machine.toy else (512, 460))).to(machine.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(machine.device.type, torch.bfloat16):
            loss = masked_expression(model(batch), model.head, batch.scored)
        loss.backward()
        optimizer.step()

    yield Row("STPath's update, 2 × 512 spots, bf16", f"{machine.seconds(step)}{shown(machine.gib(step))}")
