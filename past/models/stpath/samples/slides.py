"""STPath's data: slides from shards, as masked examples."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from past.base.errors import CheckpointError, ConfigError, DataError
from past.base.variable_genes import variable_count
from past.data.shards.index import ShardIndex
from past.data.shards.reader import OnError
from past.data.shards.slides import SlideSet
from past.data.stream.datamodule import ShardDataModule
from past.models.stpath.batch import SlideBatch, SlideStart
from past.models.stpath.samples.examples import MaskedSlides, WholeSlides
from past.models.stpath.samples.masking import Masking
from past.models.stpath.samples.statistics import SlideStatistics, known_genes
from past.models.stpath.vocabulary import RESERVED, GeneVocabulary

SCORED = 200  # most variable genes of the training slides that validation scores


class SlideDataModule(ShardDataModule[SlideBatch]):
    """Slides from shards; what is not named here, see `ShardDataModule`.

    Args:
        root: as there.
        batch_size: slides of a batch on one rank.
        rounds: how often an epoch goes over the training slides.
        val: as there.
        train: as there.
        num_workers: as there.
        vocabulary: "shards" (all genes that a training slide knows), "variable:N" (the N most variable of them), or the
            released symbol2ensembl.json.
        masking: how training examples are made; None: as published.
        image_dropout: hide the image features of a share of an example's spots too, drawn from 0 to this, so that the
            told spots are worth attending to although a few slides can be learned by heart (published: 0).
        context: share of a validation slide's spots that are told, where it is scored in context.
        seed: of order, split and masking.
        on_error: as there.
        max_skipped: as there.
        cache: as there.
        cache_gb: as there.
    """

    def __init__(
        self,
        root: str,
        batch_size: int = 2,
        rounds: int = 1,
        val: float | Sequence[str] = 0.2,
        train: Sequence[str] | None = None,
        num_workers: int = 2,
        vocabulary: str = "shards",
        masking: Masking | None = None,
        image_dropout: float = 0.0,
        context: float = 0.05,
        seed: int = 42,
        on_error: OnError = "raise",
        max_skipped: float = 0.001,
        cache: str = "~/.cache/past",
        cache_gb: float = 50.0,
    ) -> None:
        if rounds < 1:
            raise ConfigError(f"data.rounds={rounds}: how often an epoch goes over the slides; use 1 or more")
        if not 0 < context < 1:
            raise ConfigError(f"data.context={context}: a share of the spots; use 0 < context < 1")
        if not 0 <= image_dropout <= 1:
            raise ConfigError(f"data.image_dropout={image_dropout}: a share of the spots; use 0 to 1")
        super().__init__(
            root,
            batch_size=batch_size,
            val=val,
            train=train,
            num_workers=num_workers,
            seed=seed,
            open_shards=1,  # a slide is read whole
            buffer=0,
            on_error=on_error,
            max_skipped=max_skipped,
            cache=cache,
            cache_gb=cache_gb,
        )
        self._rounds, self._image_dropout = rounds, image_dropout
        self._vocabulary, self._masking, self._context = vocabulary, masking or Masking(), context

    @cached_property
    def statistics(self) -> SlideStatistics:
        """The training slides' genes and features."""
        return SlideStatistics.of(SlideSet(self.split.train, self.open_shard))

    @cached_property
    def vocabulary(self) -> GeneVocabulary:
        """The genes that have tokens; held-out slides have no say in it."""
        if self._vocabulary.endswith(".json"):
            return GeneVocabulary.read(Path(self._vocabulary))
        genes, is_known = self.index.genes, known_genes(SlideSet(self.split.train, self.open_shard))
        known = np.flatnonzero(is_known)
        if self._vocabulary.startswith("variable:"):
            number = variable_count(self._vocabulary, len(known))
            ranked = self.statistics.by_variance()
            known = ranked[is_known[ranked]][:number]
        elif self._vocabulary != "shards":
            raise ConfigError(f"data.vocabulary={self._vocabulary}: use shards, variable:N, or a symbol2ensembl.json")
        return GeneVocabulary({genes[i]: genes[i] for i in known})

    @cached_property
    def tokens_of(self) -> np.ndarray:
        """(G,) token of each gene of the shards' list, -1: none."""
        vocabulary = self.vocabulary
        known = [gene in vocabulary for gene in self.index.genes]
        if not any(known):
            raise DataError(
                f"data.vocabulary={self._vocabulary}: none of the {len(known)} genes of {self.index.root} is in it: "
                "of another species, or named by other ids?"
            )
        tokens = np.full(len(known), -1)
        tokens[known] = vocabulary.encode(
            gene for gene, is_known in zip(self.index.genes, known, strict=True) if is_known
        )
        return tokens

    @property
    def fills(self) -> dict[str, int]:
        """STPath's tables have a row for each token, and its image layer a column for each feature."""
        return {"tokens": self.vocabulary.tokens, "features": int(self.index.settings["width"])}  # type: ignore[call-overload]

    @property
    def numbered(self) -> tuple[str, ...]:
        """The vocabulary's ids."""
        return self.vocabulary.ids

    @property
    def tokenizer_state(self) -> dict[str, object]:
        """See `GeneVocabulary.state`."""
        return self.vocabulary.state()

    @property
    def crops(self) -> dict[str, object]:
        """What made the features."""
        return {key: self.index.settings[key] for key in ("encoder", "mpp", "px", "normalise_stain")}

    def require_same(self, tokenizer: Mapping[str, object], source: str) -> None:
        """Raise CheckpointError where the checkpoint's genes are numbered otherwise."""
        own = self.tokenizer_state["vocabulary_hash"]
        if tokenizer["vocabulary_hash"] != own:
            raise CheckpointError(
                f"{source}: its vocabulary is {tokenizer['vocabulary_hash']}, the data's is {own} "
                f"({len(self.vocabulary.ids):,} genes): give the data it was trained on"
            )

    def sample(self) -> SlideStart:
        """Return what the training slides are like."""
        known = self.tokens_of >= 0
        expression = np.bincount(self.tokens_of[known], self.statistics.mean[known], self.vocabulary.tokens)
        parts = (self.statistics.feature_mean, self.statistics.feature_std, expression)
        return SlideStart(*(torch.from_numpy(part).float() for part in parts))

    def _training_index(self) -> ShardIndex:
        return replace(self.split.train, shards=self.split.train.shards * self._rounds)

    def _maker(self, training: bool) -> MaskedSlides | WholeSlides:
        tokens = self.vocabulary.tokens
        if training:
            return MaskedSlides(
                self.tokens_of,
                tokens,
                self._masking,
                self._image_dropout,
                self.statistics.feature_mean.astype(np.float16),
                seed=self._seed,
                rank=self._place()[0],
                on_error=self.on_error,
            )
        ranked = self.tokens_of[self.statistics.by_variance()]
        scored = ranked[ranked >= RESERVED][:SCORED]
        return WholeSlides(self.tokens_of, tokens, (0.0, self._context), scored, self._seed, self.on_error)
