"""What STPath makes of slides in shards: masked examples."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from past.base.errors import ConfigError, DataError, require_number
from past.base.variable_genes import VARIABLE, variable_count
from past.data.shards.index import ShardIndex
from past.data.shards.slides import SlideSet
from past.data.stream.datamodule import ModelSamples
from past.models.stpath.batch import SlideBatch, SlideStart
from past.models.stpath.samples.examples import MaskedSlides, WholeSlides
from past.models.stpath.samples.masking import Masking
from past.models.stpath.samples.statistics import SlideStatistics, known_genes
from past.models.stpath.vocabulary import RESERVED, GeneVocabulary

SCORED = 200  # most variable genes of the training slides that validation scores


class SlideSamples(ModelSamples[SlideBatch]):
    """Slides from shards, for a `DataModule`.

    Args:
        rounds: how often an epoch goes over the training slides.
        vocabulary: "shards" (all genes that a training slide knows), "variable:N" (the N most variable of them), or the
            released symbol2ensembl.json.
        masking: how training examples are made; None: as published.
        image_dropout: hide the image features of a share of an example's spots too, drawn from 0 to this, so that the
            told spots are worth attending to although a few slides can be learned by heart (published: 0).
        context: share of a validation slide's spots that are told, where it is scored in context.
    """

    def __init__(
        self,
        rounds: int = 1,
        vocabulary: str = "shards",
        masking: Masking | None = None,
        image_dropout: float = 0.0,
        context: float = 0.05,
    ) -> None:
        require_number("data.samples.rounds", rounds, least=1)
        if not 0 < context < 1:
            raise ConfigError(f"data.samples.context={context}: a share of the spots; use 0 < context < 1")
        if not 0 <= image_dropout <= 1:
            raise ConfigError(f"data.samples.image_dropout={image_dropout}: a share of the spots; use 0 to 1")
        self._rounds, self._image_dropout = rounds, image_dropout
        self._vocabulary, self._masking, self._context = vocabulary, masking or Masking(), context

    @cached_property
    def statistics(self) -> SlideStatistics:
        """The training slides' genes and features."""
        return SlideStatistics.of(SlideSet(self._shards.split.train, self._shards.open_shard))

    @cached_property
    def vocabulary(self) -> GeneVocabulary:
        """The genes that have tokens; held-out slides have no say in it."""
        if self._vocabulary.endswith(".json"):
            return GeneVocabulary.read(Path(self._vocabulary))
        genes, is_known = (
            self._shards.index.genes,
            known_genes(SlideSet(self._shards.split.train, self._shards.open_shard)),
        )
        known = np.flatnonzero(is_known)
        if self._vocabulary.startswith(VARIABLE):
            number = variable_count(self._vocabulary, len(known))
            ranked = self.statistics.by_variance()
            known = ranked[is_known[ranked]][:number]
        elif self._vocabulary != "shards":
            raise ConfigError(
                f"data.samples.vocabulary={self._vocabulary}: use shards, variable:N, or a symbol2ensembl.json"
            )
        return GeneVocabulary({genes[i]: genes[i] for i in known})

    @cached_property
    def tokens_of(self) -> np.ndarray:
        """(G,) token of each gene of the shards' list, -1: none."""
        vocabulary = self.vocabulary
        tokens = vocabulary.find((gene,) for gene in self._shards.index.genes)
        if not (tokens >= 0).any():
            raise DataError(
                f"data.samples.vocabulary={self._vocabulary}: none of the {len(tokens)} genes of "
                f"{self._shards.index.root} is in it: "
                "of another species, or named by other ids?"
            )
        return tokens

    @property
    def model_sizes(self) -> dict[str, int]:
        """STPath's tables have a row for each token, and its image layer a column for each feature."""
        return {"tokens": self.vocabulary.tokens, "features": int(self._shards.index.settings["width"])}  # type: ignore[call-overload]

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The vocabulary's ids."""
        return self.vocabulary.ids

    @property
    def tokenizer_state(self) -> dict[str, object]:
        """See `GeneVocabulary.state`."""
        return self.vocabulary.state()

    @property
    def crops(self) -> dict[str, object]:
        """What made the features."""
        return {key: self._shards.index.settings[key] for key in ("encoder", "mpp", "px", "normalise_stain")}

    def for_fitting(self) -> SlideStart:
        """Return what the training slides are like."""
        known = self.tokens_of >= 0
        expression = np.bincount(self.tokens_of[known], self.statistics.mean[known], self.vocabulary.tokens)
        parts = (self.statistics.feature_mean, self.statistics.feature_std, expression)
        return SlideStart(*(torch.from_numpy(part).float() for part in parts))

    def epoch(self) -> ShardIndex:
        """An epoch reads every training slide `rounds` times."""
        return replace(self._shards.split.train, shards=self._shards.split.train.shards * self._rounds)

    def collate(self, training: bool, rank: int) -> MaskedSlides | WholeSlides:
        """Return what makes batches: masked patches of slides in training, whole slides in validation."""
        tokens = self.vocabulary.tokens
        if training:
            return MaskedSlides(
                self.tokens_of,
                tokens,
                self._masking,
                self._image_dropout,
                self.statistics.feature_mean.astype(np.float16),
                seed=self._shards.seed,
                rank=rank,
                on_error=self._shards.on_error,
            )
        ranked = self.tokens_of[self.statistics.by_variance()]
        scored = ranked[ranked >= RESERVED][:SCORED]
        return WholeSlides(
            self.tokens_of, tokens, (0.0, self._context), scored, self._shards.seed, self._shards.on_error
        )
