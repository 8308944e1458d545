"""The data of a training: shards, split, tokens and loaders; the only place where the data meets Lightning."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import lightning.pytorch as pl
import numpy as np

from past.data.agreement import Agreement
from past.data.batches import PLAIN, BatchMaker
from past.data.index import ShardIndex
from past.data.loader import Feed, Loader, TrainingLoader
from past.data.plan import Reading
from past.data.remote import open_set
from past.data.splits import Split, split_patients
from past.data.stain import StainTables, stain_tables
from past.data.statistics import GeneStatistics, gene_statistics, sample_cells
from past.data.stream import Faults, OnError, RawBatch, plan_of
from past.data.tokens import Tokenizer
from past.data.transforms import Augmentation
from past.errors import ConfigError
from past.genes import gene_map, read_genes
from past.types import CellBatch

log = logging.getLogger(__name__)


class CellDataModule(pl.LightningDataModule):
    """Cells from shards.

    Args:
        root: directory of the shards, or their address (`https://…`, `s3://…`).
        batch_size: cells of a batch on one rank.
        val: the fraction of patients, or the patients or sections, to validate on.
        train: the patients or sections to train on; None: all others.
        num_workers: processes of each rank that read and decode; 0: none but its own.
        context: gene tokens of a cell.
        neighbours: neighbours of a cell.
        radius: µm within which they are used; None: however far.
        vocabulary: "shards" (their gene list), "variable:N" (the N most variable of the training patients), or a file
            (see `read_genes`).
        technology_mean: a .npy with a mean for each gene of the vocabulary; None: computed from the training patients.
        normalise_stain: bring every section's optical density to one mean and spread (see `stain_tables`).
        augmentation: what may change about a training sample; None: nothing.
        seed: of order, split and augmentation.
        open_shards: pieces of shards that a rank reads at the same time.
        buffer: cells that a rank holds undecoded to shuffle them, at most.
        on_error: "raise" stops all ranks at the first cell that cannot be read; "skip" counts it.
        max_skipped: with "skip", the share of an epoch's cells above which all ranks stop.
        cache: directory for the shards of an address.
        cache_gb: GB that it may take.
    """

    def __init__(
        self,
        root: str,
        batch_size: int = 64,
        val: float | Sequence[str] = 0.2,
        train: Sequence[str] | None = None,
        num_workers: int = 2,
        context: int = 300,
        neighbours: int = 8,
        radius: float | None = None,
        vocabulary: str = "shards",
        technology_mean: str | None = None,
        normalise_stain: bool = False,
        augmentation: Augmentation | None = None,
        seed: int = 42,
        open_shards: int = 16,
        buffer: int = 10_000,
        on_error: OnError = "raise",
        max_skipped: float = 0.001,
        cache: str = "~/.cache/past",
        cache_gb: float = 50.0,
    ) -> None:
        super().__init__()
        if on_error not in ("raise", "skip"):
            raise ConfigError(f"data.on_error={on_error}: use raise or skip")
        self.index, self.open_shard = open_set(root, Path(cache), int(cache_gb * 1e9))
        self.split: Split = split_patients(self.index, val, train, seed)
        self._context, self._neighbours, self._radius = context, neighbours, radius
        self._vocabulary, self._technology_mean = vocabulary, technology_mean
        self._normalise_stain = normalise_stain
        self._augmentation = augmentation or PLAIN
        self._seed, self._workers = seed, num_workers
        self._on_error: OnError = on_error
        self._max_skipped = max_skipped
        self._reading = Reading(1, batch_size, open_shards, buffer)
        self._training: TrainingLoader | None = None
        self._restored: dict[str, object] | None = None

    @cached_property
    def statistics(self) -> GeneStatistics:
        """The training patients' genes."""
        return gene_statistics(self.split.train, open_shard=self.open_shard, on_error=self._on_error)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """From counts to tokens; it follows from the shards, the split and the arguments alone."""
        genes = self.index.genes
        if self._vocabulary == "shards":
            vocabulary: tuple[str, ...] = genes
        elif self._vocabulary.startswith("variable:"):
            number = self._vocabulary.removeprefix("variable:")
            if not number.isdigit():
                raise ConfigError(f"data.vocabulary={self._vocabulary}: give a number of genes, as in variable:2000")
            vocabulary = tuple(genes[i] for i in self.statistics.most_variable(int(number)))
        else:
            vocabulary = read_genes(Path(self._vocabulary))
        means = self._means(vocabulary)
        return Tokenizer(genes, vocabulary, means, self._context, self._neighbours, self._radius)

    @cached_property
    def stain(self) -> StainTables | None:
        """What becomes of each section's pixels; None: nothing."""
        if not self._normalise_stain:
            return None
        both = tuple(sorted({*self.split.train.shards, *self.split.val.shards}, key=lambda shard: shard.name))
        return stain_tables(replace(self.index, shards=both), open_shard=self.open_shard)

    def sample(self, cells: int = 2000, batch: int = 256) -> list[CellBatch]:
        """Return a sample of the training cells, the same on all ranks: fixed parts of a model are fitted on it."""
        found = list(sample_cells(self.split.train, cells, self.open_shard, self._on_error))
        make = self._maker(PLAIN)
        starts = range(0, len(found), batch)
        return [make(RawBatch(i, found[i : i + batch], Faults()), 0)[0] for i in starts]

    def _maker(self, augmentation: Augmentation) -> BatchMaker:
        side = int(self.index.settings["px"])  # type: ignore[call-overload]
        return BatchMaker(self.tokenizer, side, self._seed, augmentation, self._on_error, self.stain)

    def _means(self, vocabulary: tuple[str, ...]) -> dict[str, np.ndarray]:
        computed = self.statistics.technology_mean
        if self._technology_mean is not None:
            try:
                given: np.ndarray = np.load(self._technology_mean, allow_pickle=False)
            except (OSError, ValueError) as error:
                raise ConfigError(f"data.technology_mean={self._technology_mean}: no .npy of numbers ({error})") from error
            return dict.fromkeys(computed, given)
        source = gene_map(vocabulary, self.index.genes)
        return {name: np.where(source >= 0, mean[source], 0) for name, mean in computed.items()}

    @property
    def batches_per_epoch(self) -> int:
        """Batches of each rank in a whole epoch."""
        rank, reading = self._place()
        return plan_of(self.split.train, rank=rank, seed=self._seed, epoch=0, reading=reading).batches

    def setup(self, stage: str) -> None:
        """Open the ranks' agreement, make the training loader, and say how an epoch is read."""
        self._agreement = Agreement()
        if stage != "fit" or self._training is not None:
            return
        feed = self._feed(self.split.train, self._augmentation)
        self._training = TrainingLoader(feed, self._in_flight)
        if feed.rank == 0:
            train, val, plan = *self.split, feed.plan(0)
            sizes = sorted({plan.size(0), -(-plan.samples // plan.batches)})
            log.info(
                "train on %s cells of %d patients, validate on %s of %d; an epoch is %s batches of %s cells on each of "
                "%d ranks, every cell once: the remainder is spread over the batches",
                f"{train.samples:,}", len(train.patients), f"{val.samples:,}", len(val.patients),
                f"{plan.batches:,}", " to ".join(map(str, sizes)), feed.reading.world,
            )  # fmt: skip

    def _in_flight(self) -> int:
        assert self.trainer is not None
        progress = self.trainer.fit_loop.epoch_loop.batch_progress.current
        return progress.ready - progress.processed  # type: ignore[attr-defined]

    def _place(self, shuffle: bool = True) -> tuple[int, Reading]:
        """Return this rank, and how all ranks read."""
        if self.trainer is None:
            return 0, replace(self._reading, shuffle=shuffle)
        return self.trainer.global_rank, replace(self._reading, world=self.trainer.world_size, shuffle=shuffle)

    def _feed(self, index: ShardIndex, augmentation: Augmentation, shuffle: bool = True) -> Feed:
        rank, reading = self._place(shuffle)
        return Feed(
            index=index,
            make=self._maker(augmentation),
            reading=reading,
            rank=rank,
            seed=self._seed,
            workers=self._workers,
            agreement=self._agreement,
            max_skipped=self._max_skipped,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
            open_shard=self.open_shard,
        )

    def train_dataloader(self) -> TrainingLoader:
        """Return the training loader, always the same one: it knows where in the epochs it is."""
        assert self._training is not None
        if self._restored is not None:
            self._training.load_state_dict(self._restored)
            self._restored = None
        return self._training

    def val_dataloader(self) -> Loader:
        """Return a loader of all validation cells, each once over the ranks, in the index's order."""
        return Loader(self._feed(self.split.val, PLAIN, shuffle=False))

    def on_after_batch_transfer(self, batch: CellBatch, dataloader_idx: int) -> CellBatch:
        """Augment training batches, on the device."""
        if self.trainer is not None and self.trainer.training and self._training is not None:
            return self._augmentation(batch, self._seed, self._training.epoch)
        return batch

    def state_dict(self) -> dict[str, object]:
        """Return the training loader's place; Lightning asks for a loader's length before it restores the loader."""
        return self._training.state_dict() if self._training is not None else {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Keep the place for `train_dataloader`."""
        self._restored = state_dict or None
