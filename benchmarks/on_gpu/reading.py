"""Whether data arrive as fast as the card wants them: cells from shards, tiles from a slide."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from on_gpu.machine import Machine, Row
from on_gpu.past_step import towers
from ranks import Contrasted
from typer.testing import CliRunner

from past.cli.app import app
from past.models.past.module import Contrast

WAIT, OF_MODEL, BATCH = 0.05, 0.9, 128


def loader(machine: Machine) -> Iterator[Row]:
    """The share of a training's time that the card waits for cells of local shards."""
    import slides  # noqa: F401 - it knows where the tests' data modules lie
    from data_modules import cell_data

    workers, batch_size, cells = (0, 8, "40") if machine.toy else (8, 48, "1500")
    with TemporaryDirectory() as folder:
        root = Path(folder) / "shards"
        made = ["shards", "synthetic", "--patients", "4", "--cells", cells, "--out", str(root)]
        CliRunner().invoke(app, made, catch_exceptions=False)
        data = cell_data(root, batch_size=batch_size, val=0.25, num_workers=workers, context=300, neighbours=8)
        data.setup("fit")
        model = Contrasted(towers(machine.toy), Contrast()).to(machine.device).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        waited, start, asked = 0.0, time.perf_counter(), time.perf_counter()
        for number, batch in enumerate(data.train_dataloader()):
            if number == 5:  # workers have started, kernels are there
                waited, start = 0.0, time.perf_counter()
            else:
                waited += time.perf_counter() - asked
            optimizer.zero_grad()
            with torch.autocast(machine.device.type, torch.bfloat16):
                model(batch.ready(machine.device)).backward()
            optimizer.step()
            if machine.on_gpu:
                torch.cuda.synchronize()
            asked = time.perf_counter()
            if number == (8 if machine.toy else 60):
                break
        share = waited / (time.perf_counter() - start)
    yield machine.wanted(
        f"waiting for cells, {workers} workers", f"{share:.3f} of the time", f"≤ {WAIT}", share <= WAIT
    )


def tiles(machine: Machine) -> Iterator[Row]:
    """Tiles a second: reading alone, the model alone, and both at once."""
    from slides import MPP, PX, write_aperio

    from past.nn.image_encoder import ImageEncoder
    from past.slides.frozen_encoder import FrozenEncoder
    from past.slides.slide import open_again, open_slide
    from past.slides.tile_reader import read_batches
    from past.slides.tiling import open_wsi, tile

    options = {"img_size": PX, "dynamic_img_size": True}
    name = "vit_tiny_patch16_224" if machine.toy else "vit_large_patch16_224"
    encoder = FrozenEncoder.of(ImageEncoder(name, options=options, precision="fp16"), str(machine.device))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "slide.svs"
        write_aperio(path, 960 if machine.toy else 48_000)
        grid = tile(open_wsi(path, store=None), PX, MPP, tissue="none")
        slide = open_slide(path)
        workers = 2 if machine.toy else 8

        def read() -> Iterator[np.ndarray]:
            return (batch.tiles for batch in read_batches(lambda: open_again(slide), grid, 0, BATCH, workers))

        given = next(read())
        encoder(given)  # kernels are there
        alone = len(given) * 4 / _seconds(lambda: [encoder(given) for _ in range(4)])
        reading = len(grid) / _seconds(lambda: [None for _ in read()])
        both = len(grid) / _seconds(lambda: [encoder(part) for part in read()])
    yield Row(f"reading tiles, {workers} threads", f"{reading:,.0f} tiles/s")
    yield Row(f"{name} alone", f"{alone:,.0f} tiles/s")
    share = both / alone
    yield machine.wanted(
        "tiles to features", f"{both:,.0f} tiles/s, {share:.2f} of the model alone", f"≥ {OF_MODEL}", share >= OF_MODEL
    )


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
