"""Memory of a training step, with gradient caching and without: a table, and bench/memory.png.

Counted are the bytes of all tensors that a step of the demo's towers makes, at their highest, as a GPU's allocator
counts them: with what is brought there of the batch, which waits on the host, and without model and optimiser.
"""

import argparse
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from matplotlib import pyplot as plt
from ranks import batch_of, demo
from rich.console import Console
from rich.table import Table
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CHUNK_CELLS, GENES, MB, WANTED = 64, 204, 1e6, 1.3


class Alive(TorchDispatchMode):
    """Counts the bytes of the tensors that operations within it make, while they live."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[int] = set()
        self._bytes, self.highest = 0, 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run the operation; note what is new in its result, views of what was there are not."""
        given = {t.untyped_storage().data_ptr() for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)}
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage.data_ptr() not in self._known | given:
                    self._known.add(storage.data_ptr())
                    self._bytes += storage.nbytes()
                    weakref.finalize(storage, self._forget, storage.data_ptr(), storage.nbytes())
        self.highest = max(self.highest, self._bytes)
        return out

    def _forget(self, storage: int, size: int) -> None:
        self._known.discard(storage)
        self._bytes -= size


def megabytes_of_a_step(cells: int, chunk: int | None) -> float:
    """Return the highest MB of a step's tensors."""
    module, batch = demo(chunk), batch_of(cells, GENES, seed=0)
    module.prepare = lambda part: part.map(torch.clone)  # as .to(device) does where that is another one
    with Alive() as alive:
        module(batch).backward()
    return alive.highest / MB


def draw(curves: dict[str, dict[int, float]], out: Path) -> None:
    """Draw MB over cells of the batch."""
    figure, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
    for name, curve in curves.items():
        axes.plot(list(curve), list(curve.values()), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="cells of the batch", ylabel="memory of a step, MB")
    sizes = sorted({size for curve in curves.values() for size in curve})
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.legend(frameon=False)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)


def main() -> None:
    """Measure, print a table, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench"))
    parser.add_argument("--largest", type=int, default=4096)
    asked = parser.parse_args()
    sizes = [size for size in (64, 128, 256, 512, 1024, 2048, 4096) if size <= asked.largest]
    cached = {size: megabytes_of_a_step(size, CHUNK_CELLS) for size in sizes}
    whole = {size: megabytes_of_a_step(size, None) for size in sizes if size <= 1024}
    curves = {f"cache_chunk={CHUNK_CELLS}": cached, "uncached": whole}
    table = Table(title="Memory of a training step beyond the model, demo towers")
    for column in ("cells", *(head for name in curves for head in (f"{name}, MB", "times that of 64"))):
        table.add_column(column, justify="right")
    for size in sizes:
        shown = [(f"{curve[size]:.0f}", f"{curve[size] / curve[64]:.2f}") for curve in curves.values() if size in curve]
        table.add_row(f"{size:,}", *(cell for pair in shown for cell in pair))
    console = Console()
    console.print(table)
    console.print(f"wanted with caching: below {WANTED} times")
    draw(curves, asked.out / "memory.png")


if __name__ == "__main__":
    main()
