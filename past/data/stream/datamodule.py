"""The data of every training: shards, their split, loaders; where the data meets Lightning."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic

import lightning.pytorch as pl
import torch

from past.base.errors import CheckpointError, ConfigError, require_number
from past.base.genes import gene_hash
from past.data.shards.index import ShardIndex
from past.data.shards.reader import OnError, OpenShard, ShardReader
from past.data.shards.remote import open_set
from past.data.shards.slide_format import unit
from past.data.shards.splits import Split, split_patients
from past.data.stream.agreement import Agreement
from past.data.stream.loader import Batch, Collate, Loader, RankReader, TrainingLoader
from past.data.stream.plan import Reading
from past.data.stream.stream import ReadShard, plan_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OpenedShards:
    """A set of shards that a training reads, as a model's samples see it.

    Attributes:
        index: of the whole set.
        split: of it, by patients.
        open_shard: opens a shard.
        on_error: "raise", or "skip" what cannot be read.
        seed: of the run.
    """

    index: ShardIndex
    split: Split
    open_shard: OpenShard
    on_error: OnError
    seed: int


class ModelSamples(ABC, Generic[Batch]):
    """What a model makes of the samples in shards: all that its data module must know of it.

    Most models override more than `collate`; what stands here is for one whose genes are the shards' own.
    """

    _shards: OpenedShards

    def open(self, root: str, cache: Path, cache_bytes: int) -> tuple[ShardIndex, OpenShard]:
        """Read what there is at `root`, before anything else is asked; see `open_set`."""
        return open_set(root, cache, cache_bytes)

    def split(self, index: ShardIndex, val: float | Sequence[str], train: Sequence[str] | None, seed: int) -> Split:
        """Say who trains and who validates; see `split_patients`."""
        return split_patients(index, val, train, seed)

    @property
    def unit(self) -> str:
        """What a sample is called, in the plural."""
        return unit(self._shards.index.settings)

    @property
    def read_shard(self) -> ReadShard:
        """What gives the samples of a shard, in the loader's workers."""
        return ShardReader

    def attach(self, shards: OpenedShards) -> None:
        """Take the shards, before batches are asked for."""
        self._shards = shards

    @abstractmethod
    def collate(self, training: bool, rank: int) -> Collate[Batch]:
        """Return what makes batches, in the loader's workers."""

    @property
    def model_sizes(self) -> dict[str, int]:
        """Settings of the model that follow from the data, by their dotted names below `model`."""
        return {}

    @property
    def gene_names(self) -> Sequence[str]:
        """The genes in the order of their tokens."""
        return self._shards.index.genes

    @property
    def tokenizer_state(self) -> dict[str, object]:
        """The vocabulary as plain values, for checkpoints; its hash names it."""
        return {"vocabulary_hash": gene_hash(self.gene_names)}

    @property
    def crops(self) -> dict[str, object]:
        """What the model must know of the images that it is trained on, for checkpoints."""
        return {key: self._shards.index.settings[key] for key in ("mpp", "px")}

    def require_same(self, tokenizer: Mapping[str, object], source: str) -> None:
        """Raise CheckpointError where a checkpoint's vocabulary is another than this data's."""
        own = self.tokenizer_state["vocabulary_hash"]
        if tokenizer["vocabulary_hash"] != own:
            raise CheckpointError(
                f"{source}: its vocabulary is {tokenizer['vocabulary_hash']}, the data's is {own} "
                f"({len(self.gene_names):,} genes): give the data it was trained on"
            )

    def for_fitting(self) -> Any:
        """Return what the fixed parts of a model are fitted on: of the training data, the same on all ranks."""
        return None

    def epoch(self) -> ShardIndex:
        """Return what an epoch of training reads: every training sample once."""
        return self._shards.split.train

    def transfer(self, batch: Batch, device: torch.device, training: bool) -> Batch:
        """Return a batch on `device`; or on the host still, where the training step takes it to the device."""
        return batch.to(device)


class DataModule(pl.LightningDataModule, Generic[Batch]):
    """Shards split by patients, read so that a training can stop and go on anywhere.

    Args:
        root: directory of the shards, or their address (`https://…`, `s3://…`).
        samples: what the model makes of them.
        batch_size: samples of a batch on one rank.
        val: the fraction of patients, or the patients or sections, to validate on.
        train: the patients or sections to train on; None: all others.
        num_workers: processes of each rank that read and decode; 0: none but its own.
        seed: of order and split.
        open_shards: pieces of shards that a rank reads at the same time.
        buffer: samples that a rank holds undecoded to shuffle them, at most.
        on_error: "raise" stops all ranks at the first sample that cannot be read; "skip" counts it.
        max_skipped: with "skip", the share of an epoch's samples above which all ranks stop.
        cache: directory for the shards of an address.
        cache_gb: GB that it may take.
    """

    def __init__(
        self,
        root: str,
        samples: ModelSamples[Batch],
        batch_size: int = 64,
        val: float | Sequence[str] = 0.2,
        train: Sequence[str] | None = None,
        num_workers: int = 2,
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
        for key, value, least in (
            ("batch_size", batch_size, 1),
            ("num_workers", num_workers, 0),
            ("open_shards", open_shards, 1),
            ("buffer", buffer, 0),
        ):
            require_number(f"data.{key}", value, least=least)
        require_number("data.max_skipped", max_skipped, least=0.0, most=1.0)
        require_number("data.cache_gb", cache_gb, above=0.0)
        self.index, self.open_shard = samples.open(root, Path(cache), int(cache_gb * 1e9))
        self.split: Split = samples.split(self.index, val, train, seed)
        self.on_error: OnError = on_error
        self.samples = samples
        self._seed, self._workers = seed, num_workers
        self._attach()
        self._max_skipped = max_skipped
        self._reading = Reading(1, batch_size, open_shards, buffer)
        self._training: TrainingLoader[Batch] | None = None
        self._restored: dict[str, object] | None = None

    def _attach(self) -> None:
        self.samples.attach(OpenedShards(self.index, self.split, self.open_shard, self.on_error, self._seed))

    def leave_out(self, sections: Collection[str]) -> None:
        """Validate without these sections; before the first batch is made."""
        kept = {shard.section for shard in self.split.val.shards} - {*sections}
        self.split = self.split._replace(val=self.split.val.select(sections=kept))
        self._attach()

    def description(self) -> dict[str, Any]:
        """Return what a checkpoint says of the data: vocabulary, images, and who was trained on."""
        learned = self.split.train
        sections = sorted({shard.section for shard in learned.shards})
        return {
            "tokenizer": self.samples.tokenizer_state,
            "crops": self.samples.crops,
            "trained_on": {"sections": sections, "patients": learned.patients},
        }

    @property
    def batches_per_epoch(self) -> int:
        """Batches of each rank in a whole epoch."""
        rank, reading = self._place()
        return plan_of(self.samples.epoch(), rank=rank, seed=self._seed, epoch=0, reading=reading).batches

    def setup(self, stage: str) -> None:
        """Open the ranks' agreement, make the training loader, and say how an epoch is read."""
        self._agreement = Agreement()
        if stage != "fit" or self._training is not None:
            return
        reader = self._reader(self.samples.epoch(), training=True)
        self._training = TrainingLoader(reader, self._in_flight)
        if reader.rank == 0:
            train, val, plan = *self.split, reader.plan(0)
            sizes = sorted({plan.size(0), -(-plan.samples // plan.batches)})
            what = self.samples.unit
            log.info(
                "train on %s %s of %d patients, validate on %s of %d; an epoch is %s batches of %s %s on each of "
                "%d ranks, every one once: the remainder is spread over the batches",
                f"{train.samples:,}", what, len(train.patients), f"{val.samples:,}", len(val.patients),
                f"{plan.batches:,}", " to ".join(map(str, sizes)), what, reader.reading.world,
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

    def _reader(self, index: ShardIndex, training: bool) -> RankReader[Batch]:
        rank, reading = self._place(shuffle=training)
        return RankReader(
            index=index,
            collate=self.samples.collate(training, rank),
            reading=reading,
            rank=rank,
            seed=self._seed,
            workers=self._workers,
            agreement=self._agreement,
            max_skipped=self._max_skipped,
            pin_memory=self.trainer is not None and self.trainer.strategy.root_device.type == "cuda",
            open_shard=self.open_shard,
            read_shard=self.samples.read_shard,
        )

    def train_dataloader(self) -> TrainingLoader[Batch]:
        """Return the training loader, always the same one: it knows where in the epochs it is."""
        assert self._training is not None
        if self._restored is not None:
            self._training.load_state_dict(self._restored)
            self._restored = None
        return self._training

    def val_dataloader(self) -> Loader[Batch] | list[Batch]:
        """Return a loader of all validation samples, each once over the ranks, in the index's order; nothing: none."""
        if not self.split.val.samples:
            return []
        return Loader(self._reader(self.split.val, training=False))

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Bring a batch to the device, as the model's samples want it."""
        return self.samples.transfer(batch, device, training=self.trainer is not None and bool(self.trainer.training))

    def state_dict(self) -> dict[str, object]:
        """Return the training loader's place; Lightning asks for a loader's length before it restores the loader."""
        return self._training.state_dict() if self._training is not None else {}

    def load_state_dict(self, state_dict: dict[str, object]) -> None:
        """Keep the place for `train_dataloader`."""
        self._restored = state_dict or None
