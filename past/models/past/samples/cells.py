"""What PAST makes of cells in shards: tokens and crops."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from past.base.errors import ConfigError, require_number
from past.base.genes import gene_map, read_genes
from past.base.variable_genes import VARIABLE, variable_count
from past.base.vocabularies import TECHNOLOGIES, canonical
from past.data.shards.index import ShardIndex
from past.data.shards.reader import Faults
from past.data.stream.datamodule import ModelSamples
from past.data.stream.sampling import sample_cells
from past.data.stream.stream import RawBatch
from past.models.past.batch import CellBatch
from past.models.past.samples.augmentation import Augmentation
from past.models.past.samples.batches import PLAIN, BatchMaker
from past.models.past.samples.centring import SectionMeans, section_means
from past.models.past.samples.stain import StainTables, stain_tables
from past.models.past.samples.statistics import GeneStatistics, gene_statistics
from past.models.past.samples.tokens import Tokenizer


class CellSamples(ModelSamples[CellBatch]):
    """Cells from shards, for a `DataModule`. Training batches are augmented where they go to the device.

    Args:
        context: gene tokens of a cell.
        neighbours: neighbours of a cell.
        radius: µm within which they are used, or "112 px" of a crop's own; None: however far.
        vocabulary: "shards" (their gene list), "variable:N" (the N most variable of the training patients), or a file
            (see `read_genes`).
        technology_mean: a .npy with a mean for each gene of the vocabulary; None: computed from the training patients.
        normalise_stain: bring every section's optical density to one mean and spread (see `stain_tables`).
        centre_expression: take each section's mean from its cells' expression (see `section_means`); needs a context
            of at least the vocabulary.
        augmentation: what may change about a training sample; None: nothing.
    """

    def __init__(
        self,
        context: int = 300,
        neighbours: int = 8,
        radius: float | str | None = None,
        vocabulary: str = "shards",
        technology_mean: str | None = None,
        normalise_stain: bool = False,
        centre_expression: bool = False,
        augmentation: Augmentation | None = None,
    ) -> None:
        require_number("data.samples.context", context, least=1)
        require_number("data.samples.neighbours", neighbours, least=0)
        if radius is not None and not isinstance(radius, str):
            require_number("data.samples.radius", radius, above=0.0)
        self._context, self._neighbours, self._radius = context, neighbours, radius
        self._vocabulary, self._technology_mean = vocabulary, technology_mean
        self._normalise_stain, self._centred = normalise_stain, centre_expression
        self._augmentation = augmentation or PLAIN

    @property
    def model_sizes(self) -> dict[str, int]:
        """The cell encoder's table has a row for each token."""
        return {"cell_encoder.vocabulary_size": self.tokenizer.vocabulary_size}

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The tokenizer's vocabulary."""
        return self.tokenizer.vocabulary

    @property
    def tokenizer_state(self) -> dict[str, object]:
        """See `Tokenizer.state`."""
        return self.tokenizer.state()

    @property
    def crops(self) -> dict[str, object]:
        """Scale and size of the crops, and whether their stain is normalised."""
        facts = {key: self._shards.index.settings[key] for key in ("mpp", "px")}
        return {**facts, "normalise_stain": self._normalise_stain}

    @cached_property
    def statistics(self) -> GeneStatistics:
        """The training patients' genes."""
        return gene_statistics(
            self._shards.split.train, open_shard=self._shards.open_shard, on_error=self._shards.on_error
        )

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """From counts to tokens; it follows from the shards, the split and the arguments alone."""
        genes = self._shards.index.genes
        if self._vocabulary == "shards":
            vocabulary: tuple[str, ...] = genes
        elif self._vocabulary.startswith(VARIABLE):
            number = variable_count(self._vocabulary, self.statistics.varying)
            vocabulary = tuple(genes[i] for i in self.statistics.most_variable(number))
        else:
            vocabulary = read_genes(Path(self._vocabulary))
        means = self._means(vocabulary)
        return Tokenizer(genes, vocabulary, means, self._context, self._neighbours, self._radius, self._centred)

    def use_tokenizer(self, state: Mapping[str, object]) -> None:
        """Make batches with a trained model's tokenizer (its `state`), whatever the arguments say.

        Raises:
            ConfigError: a state of another program's making.
        """
        self.tokenizer = Tokenizer.from_state(state, self._shards.index.genes)

    @cached_property
    def stain(self) -> StainTables | None:
        """What becomes of each section's pixels; None: nothing."""
        if not self._normalise_stain:
            return None
        return stain_tables(self._both, open_shard=self._shards.open_shard, on_error=self._shards.on_error)

    @cached_property
    def means(self) -> SectionMeans | None:
        """What is taken from each section's expression; None: nothing."""
        if not self.tokenizer.centred:
            return None
        return section_means(self._both, self.tokenizer, self._shards.open_shard, self._shards.on_error)

    @property
    def _both(self) -> ShardIndex:
        """The shards of training and validation."""
        both = tuple(
            sorted({*self._shards.split.train.shards, *self._shards.split.val.shards}, key=lambda shard: shard.name)
        )
        return replace(self._shards.index, shards=both)

    def for_fitting(self, cells: int = 2000, batch: int = 256) -> list[CellBatch]:
        """Return a sample of the training cells, the same on all ranks: fixed parts of a model are fitted on it."""
        found = list(sample_cells(self._shards.split.train, cells, self._shards.open_shard, self._shards.on_error))
        make = self.collate(training=False, rank=0)
        starts = range(0, len(found), batch)
        return [make(RawBatch(i, found[i : i + batch], Faults()), 0)[0] for i in starts]

    def collate(self, training: bool, rank: int) -> BatchMaker:
        """Return what makes batches; those of a training are augmented."""
        augmentation = self._augmentation if training else PLAIN
        side = int(self._shards.index.settings["px"])  # type: ignore[call-overload]
        seed, on_error = self._shards.seed, self._shards.on_error
        return BatchMaker(self.tokenizer, side, seed, augmentation, on_error, self.stain, self.means)

    def transfer(self, batch: CellBatch, device: torch.device, training: bool) -> CellBatch:
        """Leave a training batch on the host: the training step takes it from there, whole or in chunks."""
        return batch if training else batch.to(device)

    def _means(self, vocabulary: tuple[str, ...]) -> dict[str, np.ndarray]:
        computed = self.statistics.technology_mean
        if self._technology_mean is not None:
            try:
                given: np.ndarray = np.load(self._technology_mean, allow_pickle=False)
            except (OSError, ValueError) as error:
                raise ConfigError(
                    f"data.samples.technology_mean={self._technology_mean}: no .npy of numbers ({error})"
                ) from error
            return dict.fromkeys(sorted({*computed, *self._validated}), given)
        for technology, section in self._validated.items():
            if technology not in computed:
                raise ConfigError(
                    f"{section}: validates on {technology}, of which no section is trained on, so its genes have no "
                    "mean: choose other sections by data.val, or give data.samples.technology_mean"
                )
        source = gene_map(vocabulary, self._shards.index.genes)
        return {name: np.where(source >= 0, mean[source], 0) for name, mean in computed.items()}

    @property
    def _validated(self) -> dict[str, str]:
        """Technologies of the validation sections as the index knows them, each with a section of it."""
        about = {
            shard.section: self._shards.index.sections.get(shard.section, {}) for shard in self._shards.split.val.shards
        }
        return {
            canonical(str(facts["technology"]), TECHNOLOGIES, "technology"): section
            for section, facts in about.items()
            if "technology" in facts
        }
