"""`past sizing`: shard sizes, disk and loader cores for a training, from what is measured on a set of shards."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

H100_BF16 = 989e12  # operations/s, dense, NVIDIA's data sheet


def sizing(
    folder: Annotated[Path, typer.Argument(help="Shards like those to come: bytes and speed are measured on them.")],
    cells: Annotated[int, typer.Option(help="Cells of the set to come.")] = 20_000_000,
    gpus: Annotated[str, typer.Option(help="Numbers of GPUs to plan for.")] = "8,64",
    batch_size: Annotated[int, typer.Option(help="Pairs of a batch on one GPU.")] = 48,
    cells_per_shard: Annotated[int, typer.Option(help="Cells in a full shard.")] = 2_000,
    utilisation: Annotated[float, typer.Option(help="Share of the GPU's peak that training reaches.")] = 0.4,
    peak: Annotated[float, typer.Option(help="The GPU's peak, operations/s (default: H100, bfloat16).")] = H100_BF16,
    pairs_per_second: Annotated[float, typer.Option(help="Pairs/s of one GPU, where measured; 0: from its peak.")] = 0,
) -> None:
    """Plan the disk and the loaders of a training of UNI-sized towers.

    Example: past sizing data/her2st --cells 20000000 --gpus 8,64
    """
    from past.data.index import ShardIndex
    from past.data.plan import Reading
    from past.data.sizing import Sizing, flops_per_pair, measure_core

    index = ShardIndex.read(folder)
    core = measure_core(index)
    gpu = pairs_per_second or utilisation * peak / flops_per_pair()
    size = sum(shard.bytes for shard in index.shards) / index.samples
    counts = [int(number) for number in gpus.split(",")]
    plans = [Sizing(cells, size, core, gpu, n, Reading(batch_size=batch_size), cells_per_shard).rows() for n in counts]
    table = Table("", *(f"{n} GPUs" for n in counts), title=f"{cells:,} cells of {size / 1e3:.1f} kB")
    for name in plans[0]:
        table.add_row(name, *(plan[name] for plan in plans))
    console = Console()
    console.print(table)
    source = (
        "given" if pairs_per_second else f"{flops_per_pair() / 1e9:,.0f} GFLOP a pair at {utilisation:.0%} of its peak"
    )
    console.print(f"measured here: {core:,.0f} cells/s on one core; a GPU: {gpu:,.0f} pairs/s ({source})")
