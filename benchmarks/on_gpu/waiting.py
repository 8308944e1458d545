"""What makes the host wait for the card in an update, what is compiled again, and the dearest kernels."""

import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from on_gpu.machine import Machine, Row
from on_gpu.past_step import GENES, step_of, towers
from on_gpu.stpath_slides import stpath_of
from ranks import Contrasted, batch_of
from stpath import slide_batch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from past.models.past.module import Contrast
from past.models.stpath.loss import masked_expression
from past.nn.blocks import compile_blocks

SIZES_FROM_VALUES = (
    "aten::nonzero",
    "aten::masked_select",
    "aten::unique",
    "aten::_unique2",
    "aten::repeat_interleave.Tensor",
)
ON_HOST = "on the host"  # a comment on a line whose tensor never was on the card
AGAIN = 3  # compilations of an epoch after the first updates, at most
HERE = Path(__file__).resolve().parents[2] / "past"


class Waits(TorchDispatchMode):
    """Counts the operations for which a host would wait for its card, by the line of ours that asks for them.

    On a CPU nothing waits; the operations are the same: a value that Python reads, a size that follows from values.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation, and note it where it waits."""
        name = func.name()
        masks = name.startswith(("aten::index", "aten::index_put")) and any(
            isinstance(part, torch.Tensor) and part.dtype == torch.bool for part in tree_leaves(args[1:2])
        )
        if name == "aten::_local_scalar_dense" or name.startswith(SIZES_FROM_VALUES) or masks:
            ours = [frame for frame in traceback.extract_stack() if frame.filename.startswith(str(HERE))]
            if ours and ON_HOST in (ours[-1].line or ""):
                return func(*args, **(kwargs or {}))
            place = f"{Path(ours[-1].filename).relative_to(HERE)}:{ours[-1].lineno}" if ours else "torch"
            self.places[f"{place} ({name.removeprefix('aten::')})"] += 1
        return func(*args, **(kwargs or {}))


def updates(machine: Machine) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield an update of each model."""
    model = Contrasted(towers(machine.toy), Contrast()).to(machine.device).train()
    yield (
        "PAST",
        step_of(machine, model, batch_of(4 if machine.toy else 48, GENES, seed=0).to(machine.device), bf16=True),
    )
    spots = stpath_of(machine).train()
    batch = slide_batch(2, *((64, 48) if machine.toy else (512, 460))).to(machine.device)
    optimizer = torch.optim.Adam(spots.parameters(), lr=5e-4, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        masked_expression(spots(batch), spots.head, batch.scored).backward()
        optimizer.step()

    yield "STPath", step


def synchronisations(machine: Machine) -> Iterator[Row]:
    """How often an update waits, and where; on a card, whether it does at all."""
    for name, step in updates(machine):
        step()
        with Waits() as waits:
            step()
        places = ", ".join(f"{place} {count} ×" for place, count in waits.places.most_common())
        count = sum(waits.places.values())
        yield Row(f"waits in an update of {name}", f"{count}: {places}" if count else "0", "0", count == 0)
        if machine.on_gpu:
            try:
                with machine.without_waiting():
                    step()
                yield Row(f"the card's own word on {name}", "nothing waits", "nothing waits", True)
            except RuntimeError as error:
                yield Row(f"the card's own word on {name}", str(error).splitlines()[0][:120], "nothing waits", False)


def compilations(machine: Machine) -> Iterator[Row]:
    """How often blocks are compiled again in an epoch of sentences of Xenium's lengths."""
    torch._dynamo.reset()
    model = towers(toy=True).to(machine.device).train()
    compile_blocks(model.get_submodule("cell_encoder"))
    counters = torch._dynamo.utils.counters
    compiled = []
    for number in range(12):
        batch = batch_of(6, GENES, seed=number).to(machine.device)
        model.encode_cell(batch.tokens, batch.values, batch.valid, batch.context_tokens).sum().backward()
        compiled.append(counters["stats"]["unique_graphs"])
    again = compiled[-1] - compiled[2]
    yield Row("compiled again after two updates, of twelve", f"{again}", f"≤ {AGAIN}", again <= AGAIN)


def kernels(machine: Machine) -> Iterator[Row]:
    """The ten dearest kernels of each update."""
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if machine.on_gpu else [])]
    for name, step in updates(machine):
        step()
        with profile(activities=kinds) as seen:
            step()
        events = seen.key_averages()
        total = sum(_own(machine, event) for event in events) or 1
        for event in sorted(events, key=lambda event: -_own(machine, event))[:10]:
            yield Row(f"{name}: {event.key[:60]}", f"{_own(machine, event) / total:.0%} of the update, {event.count} ×")


def _own(machine: Machine, event: Any) -> float:
    return event.self_device_time_total if machine.on_gpu else event.self_cpu_time_total
