"""A small training of two ranks that tells each step it makes, to be killed and resumed."""

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import set_start_method
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import lightning.pytorch as pl
import torch
from data_modules import cell_data
from forked import forking

from past.models.past.batch import CellBatch
from past.training.checkpoint_io import AtomicCheckpointIO, newest_good_checkpoint
from past.training.keep_last import KeepLast

EPOCHS = 3


class Towers(pl.LightningModule):
    """Two linear maps under Adam: one wrong or repeated batch changes the last bit of some weight."""

    def __init__(self, tell: Connection) -> None:
        super().__init__()
        self.image, self.cell = torch.nn.Linear(3, 4), torch.nn.Embedding(64, 4)
        self.tell = tell

    def training_step(self, batch: CellBatch, index: int) -> torch.Tensor:
        loader = self.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]
        self.tell.send((loader.epoch, self.global_step, batch.keys))
        images = self.image(batch.crops.float().mean((2, 3)) / 255)
        return (images - self.cell(batch.tokens[:, 0]).mean(1)).square().mean()

    def validation_step(self, batch: CellBatch, index: int) -> None:
        """Nothing: that the loader is read is enough."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), 0.01)


def train(rank: int, world: int, port: int, shards: str, run: str, workers: int, tell: Connection) -> None:
    """Train as `rank`, from the newest checkpoint of `run` on; the last message is the weights."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    set_start_method("fork", force=True)  # of the loader's workers, as in a training that was started by hand
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GROUP_RANK": "0",
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world),
    }  # fmt: skip
    pl.seed_everything(0, verbose=False)
    data = cell_data(
        shards, batch_size=4, val=["P2"], num_workers=workers, context=8, neighbours=2, open_shards=3, buffer=30
    )
    trainer = pl.Trainer(
        accelerator="cpu", devices=world, strategy="ddp" if world > 1 else "auto", max_epochs=EPOCHS,
        callbacks=[KeepLast(run, every=1)], plugins=[AtomicCheckpointIO()], default_root_dir=run, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        use_distributed_sampler=False, reload_dataloaders_every_n_epochs=1,
    )  # fmt: skip
    model = Towers(tell)
    trainer.fit(model, datamodule=data, ckpt_path=newest_good_checkpoint(Path(run)), weights_only=True)
    tell.send({name: value.numpy() for name, value in model.state_dict().items()})


@contextmanager
def training(
    shards: Path, run: Path, world: int = 2, workers: int = 2
) -> Iterator[list[tuple[BaseProcess, Connection]]]:
    """Start the ranks; yields each one's process and what it tells, and kills what is left of them."""
    context = forking()
    run.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ranks = []
    for rank in range(world):
        listen, tell = context.Pipe(duplex=False)
        process = context.Process(target=train, args=(rank, world, port, str(shards), str(run), workers, tell))
        process.start()
        tell.close()
        ranks.append((process, listen))
    try:
        yield ranks
    finally:
        for process, _ in ranks:
            process.kill()
            process.join()
