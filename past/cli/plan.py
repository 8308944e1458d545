"""`past plan`: what a training would take before it is started, from what is measured or given."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from past.base.errors import ConfigError
from past.base.slurm import count_devices
from past.base.text.words import on_screen

PUBLISHED_CELLS = 20_000_000  # of PAST's training
BYTES_PER_CELL, CELLS_PER_CORE = 29_400.0, 1_768.0  # of synthetic shards at 224 px, on one core of a cloud machine


def plan(
    words: Annotated[list[str], typer.Argument(help="As train.py takes them, and gpus=N or gpus=8,64.")],
    cells: Annotated[
        int, typer.Option(help="Cells of the training; 0: those of data.root, else PAST's 20 million.")
    ] = 0,
    gpu: Annotated[str, typer.Option(help="Whose peak is taken (H100, A100, …).")] = "H100",
    utilisation: Annotated[
        float, typer.Option(help="Share of the peak that training reaches, above 0: mfu in metrics.csv.")
    ] = 0.4,
    pairs_per_second: Annotated[float, typer.Option(help="Of one GPU, where measured; 0: from its peak.")] = 0,
    cells_per_shard: Annotated[int, typer.Option(help="Cells in a full shard.")] = 2_000,
) -> None:
    """Plan steps, hours, disk and loader cores of a training on cells.

    With data.root=DIR the bytes of a cell and the speed of a core are measured there.

    Example: past plan experiment=past_pretrain gpus=8,64
    """
    from past import config as door
    from past.cli.sizing import Sizing, measure_core
    from past.data.shards.index import ShardIndex
    from past.data.stream.plan import Reading

    if not 0 < utilisation <= 1:
        raise ConfigError(f"--utilisation {utilisation:g}: give a share of the GPU's peak, above 0 and at most 1")
    config = door.composed([word for word in words if not word.startswith("gpus=")])
    data, trainer = config["data"], config["trainer"]
    if not config["cell_encoder"]:
        raise ConfigError("past plan computes trainings on cells, and these words are of another model: choose PAST's")
    measured = any(word.startswith("data.root=") for word in words)
    index = ShardIndex.read(Path(data["root"])) if measured else None
    size, core = BYTES_PER_CELL, CELLS_PER_CORE
    if index is not None:
        size, core = sum(shard.bytes for shard in index.shards) / max(index.samples, 1), measure_core(index)
    operations = operations_per_pair(config, int(str(index.settings["px"])) if index else 224)
    if not (pairs_per_second or operations):
        raise ConfigError("the operations of this encoder are not known: give --pairs-per-second")
    rate = pairs_per_second or utilisation * _peak(gpu) / operations
    counts = _gpus(words) or [count_devices(trainer) * trainer["num_nodes"]]
    reading = Reading(1, data["batch_size"], data["open_shards"], data["buffer"])
    length = (trainer["max_epochs"], trainer["max_steps"], trainer["accumulate_grad_batches"])
    known = cells or (index.samples if index else PUBLISHED_CELLS)
    plans = [Sizing(known, size, core, rate, n, reading, cells_per_shard, *length).rows() for n in counts]
    table = Table("", *(f"{n} GPUs" for n in counts), title=f"{known:,} cells of {size / 1e3:.1f} kB")
    for name in plans[0]:
        table.add_row(name, *(each[name] for each in plans))
    console = Console()
    console.print(table)
    where = f"measured in {data['root']}" if index else "assumed: data.root=DIR measures them"
    console.print(on_screen(f"a core: {core:,.0f} cells/s and {size / 1e3:.1f} kB a cell ({where})"))
    source = f"{operations / 1e9:,.0f} GFLOP a pair at {utilisation:.0%} of an {gpu}'s peak, assumed"
    console.print(on_screen(f"a GPU: {rate:,.0f} pairs/s ({'given' if pairs_per_second else source})"))


def operations_per_pair(config: Mapping[str, Any], px: int) -> float:
    """Return the operations of training on one pair: both towers, forward and backward.

    Args:
        config: composed.
        px: side of the crops.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from past import config as door
    from past.cli.sizing import transformer_flops
    from past.nn.image_encoder import ImageEncoder
    from past.training.peaks import BACKWARD

    node = config["encoder"]
    with torch.device("meta"):
        encoder = door.build(node | ({"weights": None} if "weights" in node else {}), "encoder")
        with FlopCounterMode(display=False) as counter:
            if isinstance(encoder, ImageEncoder):
                encoder(torch.zeros(1, 3, px, px))
    cell = config["cell_encoder"]
    sentence = (cell[key] for key in ("context", "width", "layers", "feedforward")) if "layers" in cell else None
    return BACKWARD * (counter.get_total_flops() + (transformer_flops(*sentence) if sentence else 0))


def _gpus(words: Sequence[str]) -> list[int]:
    given = [word.removeprefix("gpus=") for word in words if word.startswith("gpus=")]
    try:
        counts = [int(number) for number in given[-1].split(",")] if given else []
    except ValueError as error:
        raise ConfigError(f"gpus={given[-1]}: give a number, or several parted by commas") from error
    if any(count < 1 for count in counts):
        raise ConfigError(f"gpus={given[-1]}: give at least one GPU")
    return counts


def _peak(gpu: str) -> float:
    from past.training.peaks import PEAKS, peak_of

    peak = peak_of(gpu)
    if peak is None:
        raise ConfigError(f"--gpu {gpu}: its peak is not known; give one of {', '.join(PEAKS)}, or --pairs-per-second")
    return peak
