"""PAST's training step at its published size, beside a plain transcription of the published one."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import timm
import torch
import torch.nn.functional as F
from on_gpu.machine import Machine, Row, mfu, shown
from ranks import Contrasted, batch_of
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from towers import PublishedCells, PublishedNiche

from past.models.past.batch import CellBatch
from past.models.past.cell_encoder import CellEncoder
from past.models.past.execution import Execution
from past.models.past.fusion import CrossAttention
from past.models.past.model import PASTModel
from past.models.past.module import Contrast
from past.models.past.niche_encoder import NicheEncoder
from past.models.past.vocabulary import PADDING, RESERVED
from past.nn.image_encoder import IMAGENET_MEAN, IMAGENET_STD, ImageEncoder

GENES, SIDE, FASTER, USED = 5_000, 224, 3.0, 0.45


def towers(toy: bool) -> PASTModel:
    """ViT-L/16, twelve layers for cells, a niche; a toy has one layer of each."""
    options = {"img_size": SIDE, "init_values": 1e-5, "dynamic_img_size": True, **({"depth": 1} if toy else {})}
    name = "vit_tiny_patch16_224" if toy else "vit_large_patch16_224"
    width, layers = (32, 1) if toy else (512, 12)
    cells = CellEncoder(RESERVED + GENES, width=width, layers=layers, heads=4 if toy else 16)
    images = ImageEncoder(name, options=options)
    return PASTModel(images, cells, NicheEncoder(width, width=width), CrossAttention(width))


class PublishedStep(nn.Module):
    """All places of every sentence, padding included, a graph library's attention, float images."""

    def __init__(self, toy: bool) -> None:
        super().__init__()
        options = {"img_size": SIDE, "init_values": 1e-5, "dynamic_img_size": True, **({"depth": 1} if toy else {})}
        self.images: Any = timm.create_model("vit_large_patch16_224", num_classes=0, **options)
        self.cells, self.niche = PublishedCells(), PublishedNiche()
        self.image_head, self.cell_head = nn.Linear(self.images.num_features, 256), nn.Linear(512, 256)

    def forward(self, batch: CellBatch) -> torch.Tensor:
        """Return the loss over the batch."""
        mean, std = (torch.tensor(value).view(3, 1, 1) for value in (IMAGENET_MEAN, IMAGENET_STD))
        padded = torch.cat([batch.context_tokens, batch.tokens[:, 0]], dim=1)
        ids = F.pad(batch.tokens.masked_fill(batch.tokens == PADDING, 0).float(), (0, 3))
        with torch.autocast(ids.device.type, enabled=False):  # it adds edges up in one type
            niche = self.niche(ids)
        cells = F.normalize(self.cell_head(self.cells(padded) + niche), dim=-1)
        images = F.normalize(self.image_head(self.images((batch.crops / 255 - mean) / std)), dim=-1)
        return F.cross_entropy(images @ cells.T / 0.07, torch.arange(len(batch)))


def step_of(machine: Machine, model: nn.Module, batch: CellBatch, bf16: bool) -> Callable[[], torch.Tensor]:
    """Return a call that makes one update."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    cast = torch.autocast(machine.device.type, torch.bfloat16) if bf16 else nullcontext()

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        with torch.device(machine.device), cast:
            loss = model(batch)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def ways(machine: Machine) -> Iterator[tuple[str, Execution, bool]]:
    """Yield how the towers run."""
    yield "eager, float32", Execution(), False
    yield "eager, bf16", Execution(), True
    yield "recompute, bf16", Execution(recompute=["image_encoder", "cell_encoder"]), True
    if machine.on_gpu:  # compiling takes minutes on a CPU, and says nothing there
        yield "compiled, bf16", Execution(compile=["image_encoder", "cell_encoder"]), True


def run(machine: Machine) -> Iterator[Row]:
    """Pairs a second, use of the card, memory; the published step beside it."""
    for pairs in (2,) if machine.toy else (48, 256):
        batch = batch_of(pairs, GENES, seed=0).to(machine.device)
        best = 0.0
        for name, execution, bf16 in ways(machine):
            model = towers(machine.toy).to(machine.device).train()
            execution.apply(model)
            step = step_of(machine, Contrasted(model, Contrast()).to(machine.device), batch, bf16)
            seconds, gib = machine.seconds(step), machine.gib(step)
            used = mfu(machine, operations(machine, model, batch), seconds.median)
            best = max(best, pairs / seconds.median if bf16 else 0)
            value = f"{pairs / seconds.median:,.0f} pairs/s, {seconds}{shown(gib)}"
            if used is None:
                yield Row(f"PAST step, {pairs} pairs, {name}", value)
            else:
                yield machine.wanted(
                    f"PAST step, {pairs} pairs, {name}", f"{value}, mfu {used:.2f}", f"mfu ≥ {USED}", used >= USED
                )
            del model, step
        published = step_of(machine, PublishedStep(machine.toy).to(machine.device).train(), batch, bf16=True)
        seconds, gib = machine.seconds(published), machine.gib(published)
        yield Row(
            f"published step, {pairs} pairs, bf16", f"{pairs / seconds.median:,.0f} pairs/s, {seconds}{shown(gib)}"
        )
        faster = best / (pairs / seconds.median)
        yield machine.wanted(
            f"PAST beside published, {pairs} pairs", f"{faster:.2f} ×", f"≥ {FASTER} ×", faster >= FASTER
        )


def operations(machine: Machine, model: PASTModel, batch: CellBatch) -> float:
    """Return the operations of a forward pass."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(batch)
    return float(counter.get_total_flops())


def contrast(machine: Machine) -> Iterator[Row]:
    """4,096 pairs in chunks: memory beside that of one chunk."""
    pairs, chunk = (16, 4) if machine.toy else (4096, 64)
    alone = None
    for cells in (chunk, pairs):
        model = Contrasted(towers(machine.toy), Contrast(cache_chunk=chunk)).to(machine.device).train()
        waiting = batch_of(cells, GENES, seed=0)
        model.prepare = lambda part: part.to(machine.device)
        step = step_of(machine, model, waiting, bf16=True)
        seconds, gib = machine.seconds(step, repeats=3, warm_up=1), machine.gib(step)
        yield Row(f"contrast over {cells:,} pairs, cache_chunk={chunk}", f"{seconds}{shown(gib)}")
        if alone is not None and gib is not None:
            yield machine.wanted("its memory beside one chunk's", f"{gib / alone:.2f} ×", "≤ 1.2 ×", gib <= 1.2 * alone)
        alone = gib
