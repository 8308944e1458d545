"""What STPath's closed-form attention and sparse expression are worth: ours beside the published way, within one run.

Prints seconds, memory beyond model and input, and how far ours is from this machine's rate of matrix products. Every
measurement is a process of its own, so that its peak of memory is its own; programs that are compared take turns.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix
from torch import nn

from past.models.stpath.batch import ScoredSlide, SlideBatch
from past.models.stpath.loss import masked_expression
from past.models.stpath.model import SpotBlock, STPath
from past.models.stpath.samples.masking import join_slides, tell
from past.nn.dropout import Dropout
from past.nn.kernels.row_adam import RowAdam

GENES, ASKED, FEATURES, DIM, DEPTH = 38_984, 50, 1536, 512, 4
STEP_SLIDES, STEP_SPOTS, STEP_MASKED, STEP_SCORED = 2, 512, 460, 200
FOUND = 4_000  # genes found in a spot, of this many in its slide:
IN_SLIDE = 14_000
ROUNDS = 3  # of both programs in turn: a machine's speed drifts by more than a few per cent
GIB = 2**30


def published_bias(coords: torch.Tensor, apart: torch.Tensor, edge: torch.Tensor) -> torch.Tensor:
    """Return the spatial bias (H, N, N) of coords (N, 2) the published way, with all its intermediate tensors.

    Every query has coordinates relative to it and their principal axes, for which spots `apart` (N, N) do not count.
    The four choices of the axes' signs are four frames; each pair's coordinates in a frame and its distance are mapped
    to a number per head, and the mean over the frames is the bias.
    """
    relative = coords[:, None] - coords
    distance = relative.norm(dim=-1, keepdim=True)
    together = ~apart[..., None]
    centre = (relative * together).sum(1) / together.sum(1)
    relative = relative - centre[:, None] * together
    own = relative.masked_fill(~together, 0.0)
    _, axes = torch.linalg.eigh(own.transpose(1, 2) @ own)
    signs = torch.tensor([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    frames = axes[:, None] * signs[:, None]  # (N, 4, 2, 2)
    projected = torch.einsum("nfde,nkd->nfke", frames, relative)
    inputs = torch.cat([projected, distance[:, None].expand(-1, 4, -1, -1)], -1)
    return F.linear(inputs, edge).mean(1).permute(2, 0, 1)


class Published(nn.Module):
    """The published arithmetic on our weights: dense expression in, frames in every block, every gene out.

    As published, the slides of a batch lie in one sequence, of which all pairs are computed; those of different slides
    are masked out.
    """

    def __init__(self, model: STPath) -> None:
        super().__init__()
        self.model = model
        for part in list(model.modules()):
            for name, child in part.named_children():
                if isinstance(child, Dropout):
                    setattr(part, name, nn.Dropout(child.dropout).train(child.training))

    def forward(self, batch: SlideBatch, expression: torch.Tensor) -> torch.Tensor:
        """Return (S, tokens) predictions from the spots' dense `expression` (S, tokens)."""
        model, spots = self.model, len(batch)
        x = model.image(batch.features) + expression @ model.expression.table.weight
        x = x + model.technology(batch.technology) + model.organ(batch.organ)
        slide = torch.repeat_interleave(torch.arange(len(batch.lengths)), torch.tensor(batch.lengths))
        apart = slide[:, None] != slide
        for block in model.blocks:
            assert isinstance(block, SpotBlock)
            attention = block.attention
            qkv = attention.qkv(attention.norm(x)).view(spots, 3, attention.heads, DIM // attention.heads)
            q, k, v = qkv.permute(1, 2, 0, 3)
            logits = q * (DIM // attention.heads) ** -0.5 @ k.transpose(-2, -1)
            logits = (logits + published_bias(batch.coords, apart, attention.edge.weight)).masked_fill_(apart, -1e9)
            p = F.dropout(logits.softmax(-1), attention.attention_dropout, attention.training)
            x = x + attention.dropout(attention.out((p @ v).transpose(0, 1).reshape(spots, DIM)))
            x = x + block.mlp(x)
        return F.linear(model.head.norm(x), model.head.table.weight, model.head.bias)


def published_loss(everything: torch.Tensor, scored: Sequence[ScoredSlide]) -> torch.Tensor:
    """Return the mean squared error, masked spots first taken out of the (S, tokens) predictions, then their genes."""
    spots = torch.cat([slide.spots for slide in scored])
    genes = torch.cat([slide.genes.expand(len(slide.spots), -1) for slide in scored])
    found = everything[spots][torch.arange(len(spots))[:, None], genes]
    return F.mse_loss(found, torch.cat([slide.values for slide in scored]))


def dense(batch: SlideBatch) -> torch.Tensor:
    """Return the spots' expression as the published program takes it, (S, tokens)."""
    told = batch.expression
    rows = torch.repeat_interleave(torch.arange(len(batch)), told.offsets.diff())
    return torch.zeros(len(batch), GENES).index_put_((rows, told.genes), told.values)


def slide_batch(slides: int, spots: int, masked: int) -> SlideBatch:
    """Return random slides of which `masked` spots each are masked; the others hold FOUND of IN_SLIDE genes each."""
    pool = 2 + torch.randperm(GENES - 2)[:IN_SLIDE]  # slides share most of their genes
    return join_slides([_slide(spots, masked, pool) for _ in range(slides)])


def _slide(spots: int, masked: int, pool: torch.Tensor) -> SlideBatch:
    hidden, told = torch.arange(masked), spots - masked
    rows = torch.arange(masked, spots).repeat_interleave(FOUND)
    columns = pool[torch.rand(told, IN_SLIDE).argsort(1)[:, :FOUND]].flatten()
    expression = csr_matrix((torch.rand(told * FOUND).numpy(), (rows.numpy(), columns.numpy())), (spots, GENES))
    scored = pool[:STEP_SCORED].sort().values
    return SlideBatch(
        features=torch.randn(spots, FEATURES),
        coords=torch.rand(spots, 2) * 100,
        lengths=(spots,),
        technology=torch.full((spots,), 2),
        organ=torch.full((spots,), 5),
        expression=tell(expression, hidden.numpy()),
        scored=(ScoredSlide(hidden, scored, torch.rand(masked, STEP_SCORED)),),
    )


def predict(program: str, spots: int) -> Callable[[], object]:
    """Return a call that predicts 50 genes of a slide whose spots are all masked."""
    model, batch, genes = STPath(GENES).eval(), slide_batch(1, spots, spots), torch.arange(2, 2 + ASKED)
    published = Published(model) if program == "published" else None

    @torch.no_grad()
    def call() -> torch.Tensor:
        return published(batch, dense(batch))[:, genes] if published else model.head(model(batch), genes)

    return call


def step(program: str) -> Callable[[], object]:
    """Return a call that makes one update of all weights: loss, gradients, gradient norm at most 1, Adam."""
    model, batch = STPath(GENES).train(), slide_batch(STEP_SLIDES, STEP_SPOTS, STEP_MASKED)
    published = Published(model) if program == "published" else None
    expression = cache(lambda: dense(batch))  # its memory counts, its making in the first step only
    optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=5e-4)
    if program == "ours":
        optimizer = RowAdam(model.parameters(), model.tables(), lr=5e-4)

    def call() -> None:
        optimizer.zero_grad()
        if published:
            loss = published_loss(published(batch, expression()), batch.scored)
        else:
            loss = masked_expression(model(batch), model.head, batch.scored)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return call


LAYERS = DEPTH * 2 * DIM * (3 * DIM + DIM + 4 * DIM)  # operations of a spot in the blocks' linear maps


def operations(spots: int) -> float:
    """Return the floating-point operations of one prediction that no way of computing it can avoid."""
    return spots * (2 * FEATURES * DIM + 2 * DIM * ASKED + LAYERS) + DEPTH * 4 * spots**2 * DIM


def step_operations() -> float:
    """Return those of one training step: forward, and twice that backward, where the input needs no gradient."""
    maps = STEP_SPOTS * (2 * 2 * FEATURES * DIM + 3 * LAYERS) + 3 * STEP_MASKED * 2 * DIM * STEP_SCORED
    told = 2 * (STEP_SPOTS - STEP_MASKED) * 2 * FOUND * DIM
    return STEP_SLIDES * (maps + told + 3 * DEPTH * 4 * STEP_SPOTS**2 * DIM)


def rate() -> float:
    """Return this machine's floating-point operations a second in a product of two 4,096 × 4,096 matrices."""
    a, b, out = torch.rand(4096, 4096), torch.rand(4096, 4096), torch.empty(4096, 4096)
    torch.mm(a, b, out=out)
    return 2 * 4096**3 / min(_seconds(lambda: torch.mm(a, b, out=out)) for _ in range(3))


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _memory(field: str) -> int:
    """Return this process's memory in bytes: VmRSS now, VmHWM at most since the last reset."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def measure(task: str, program: str, spots: int, repeats: int) -> dict[str, float]:
    """Return seconds (the best of `repeats`) and the peak of memory above what model and input hold."""
    torch.manual_seed(0)
    call = step(program) if task == "step" else predict(program, spots)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM starts again from here
    seconds = min(_seconds(call) for _ in range(repeats))
    return {"seconds": seconds, "bytes": _memory("VmHWM") - before}


def _in_turn(task: str, programs: Sequence[str], spots: int, repeats: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return each program's best seconds and least bytes over `rounds`, in which the programs take turns."""
    rows: dict[str, dict[str, float]] = {}
    for program in [*programs] * rounds:
        command = [sys.executable, __file__, "--one", task, program, str(spots), str(repeats)]
        row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows[program] = {field: min(value, rows.setdefault(program, row)[field]) for field, value in row.items()}
    return rows


def main() -> None:
    """Print the table, or (called by itself) measure one row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without 100,000 spots, which take minutes")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        task, program, spots, repeats = arguments.one
        print(json.dumps(measure(task, program, int(spots), int(repeats))))
        return
    peak = rate()
    print(f"matrix products: {peak / 1e9:.0f} GFLOP/s; {torch.get_num_threads()} threads, torch {torch.__version__}")
    sizes = (1024, 3798, 20_000) if arguments.quick else (1024, 3798, 20_000, 100_000)
    for spots in sizes:
        if spots < 5000:
            rows = _in_turn("predict", ("ours", "published"), spots, 2, ROUNDS)
        else:  # published, 20,000 spots take 65 GB on a GPU
            rows = _in_turn("predict", ("ours",), spots, 1, 1)
        _report(f"predict {ASKED} genes, {spots:,} spots", rows, operations(spots) / peak)
    rows = _in_turn("step", ("ours", "published"), 0, 4, ROUNDS)
    _report(f"training step, {STEP_SLIDES} × {STEP_SPOTS} spots", rows, step_operations() / peak)


def _report(what: str, rows: dict[str, dict[str, float]], least: float) -> None:
    """Print seconds and memory of each program; `least` are the seconds at the rate of matrix products."""
    for name, row in rows.items():
        print(f"{what:34}{name:>10}{row['seconds']:9.3f} s{row['bytes'] / GIB:8.3f} GiB")
    if len(rows) == 2:
        ours, published = rows["ours"], rows["published"]
        faster, smaller = published["seconds"] / ours["seconds"], published["bytes"] / ours["bytes"]
        print(f"{'':44}{faster:.1f} times faster, 1/{smaller:.1f} of the memory")
    print(f"{'':44}ours at {least / rows['ours']['seconds']:.0%} of the rate of matrix products", flush=True)


if __name__ == "__main__":
    main()
