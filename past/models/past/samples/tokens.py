"""From counts to sentences of gene tokens, most over-expressed first (Nicheformer's scheme, Schaar et al. 2024).

A cell's counts are scaled to 10,000 (over all genes measured), each gene is divided by its technology's mean over the
cells that express it, and the genes come in descending order of the result; equal values in the vocabulary's order.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from past.base.errors import CheckpointError, ConfigError, DataError
from past.base.genes import gene_hash, gene_map
from past.base.vocabularies import canonical
from past.data.shards.records import RawCell
from past.models.past.vocabulary import MODALITY, PADDING, RESERVED, SPECIES_TOKENS, TECHNOLOGY_TOKENS

TARGET_SUM = 10_000.0


class Sentences(NamedTuple):
    """Tokens of B cells with K rows each (row 0 the cell, then its neighbours), as in `CellBatch`."""

    tokens: np.ndarray  # (B, K, L) int64
    values: np.ndarray  # (B, K, L) float32
    valid: np.ndarray  # (B, K) bool
    context_tokens: np.ndarray  # (B, 3) int64
    positions: np.ndarray  # (B, K, 2) float32, µm relative to the cell


class Tokenizer:
    """Turns raw cells into tokens.

    Args:
        genes: the shards' gene list, which the cells' gene ids are positions in.
        vocabulary: genes that have a token; gene i has token RESERVED + i.
        technology_mean: per technology, for each gene of the vocabulary, the mean of its scaled counts over the cells
            that express it; 0 or NaN: never seen, counts as 1.
        context: number of gene tokens of a row, L.
        neighbours: rows after the cell's own, K - 1; cells with fewer have rows that are not valid.
        radius: µm from the cell within which neighbours are used, or "112 px" of its crop's; None: however far.
        centred: the model reads expression beside its section's mean (see the module `centring`): whoever makes its
            sentences takes the mean away.

    Raises:
        ConfigError: a radius that is none, or `centred` with a context below the vocabulary.
        DataError: no gene of the vocabulary is in `genes`, or a mean of another length.
    """

    def __init__(
        self,
        genes: Sequence[str],
        vocabulary: Sequence[str],
        technology_mean: Mapping[str, Sequence[float] | np.ndarray],
        context: int = 300,
        neighbours: int = 8,
        radius: float | str | None = None,
        centred: bool = False,
    ) -> None:
        self.vocabulary = tuple(vocabulary)
        self.context, self.neighbours, self.radius, self.centred = context, neighbours, radius, centred
        if isinstance(radius, str) and not re.fullmatch(r"\d+(\.\d+)? ?px", radius):
            raise ConfigError(f"data.samples.radius={radius}: give µm as a number, or pixels as in '112 px'")
        if centred and context < len(self.vocabulary):
            raise ConfigError(
                "data.samples.centre_expression needs every gene of a cell: "
                f"data.samples.context={context} is below the vocabulary's {len(self.vocabulary)} genes; "
                f"set data.samples.context={len(self.vocabulary)} or data.samples.vocabulary=variable:{context}"
            )
        self._column = gene_map(genes, self.vocabulary)
        self.overlap = int((self._column >= 0).sum())
        if not self.overlap:
            raise DataError(
                f"none of the {len(genes):,} genes of the data ({genes[0]}, …) is in the vocabulary "
                f"({self.vocabulary[0]}, …): give a vocabulary of the same kind of names, or vocabulary=shards"
            )
        self._technologies = {name: i for i, name in enumerate(technology_mean)}
        self._mean = np.ones((len(technology_mean), len(self.vocabulary)))
        for row, (name, mean) in zip(self._mean, technology_mean.items(), strict=True):
            if len(mean) != len(self.vocabulary):
                raise DataError(
                    f"the mean of {name} has {len(mean):,} genes, the vocabulary {len(self.vocabulary):,}: "
                    "give a mean that was made for this vocabulary"
                )
            seen = np.nan_to_num(np.asarray(mean, np.float64))
            row[:] = np.where(seen > 0, seen, 1.0)

    @property
    def vocabulary_size(self) -> int:
        """Number of token ids, the reserved ones included."""
        return RESERVED + len(self.vocabulary)

    @property
    def technologies(self) -> tuple[str, ...]:
        """Technologies that it has means for."""
        return tuple(self._technologies)

    def state(self) -> dict[str, object]:
        """Return plain values that `from_state` makes an equal tokenizer of."""
        return {
            "vocabulary": list(self.vocabulary),
            "vocabulary_hash": gene_hash(self.vocabulary),
            "technology_mean": {name: self._mean[i].tolist() for name, i in self._technologies.items()},
            "context": self.context,
            "neighbours": self.neighbours,
            "radius": self.radius,
            "centred": self.centred,
        }

    @staticmethod
    def from_state(state: Mapping[str, object], genes: Sequence[str]) -> "Tokenizer":
        """Make the tokenizer of a checkpoint for data with the gene list `genes`.

        Raises:
            CheckpointError: not what `state` returns; the gene list alone may be unknown.
        """
        given: dict[str, Any] = {name: value for name, value in state.items() if name != "vocabulary_hash"}
        if "vocabulary" not in given:
            raise CheckpointError("the checkpoint carries no vocabulary: import it again with --genes FILE")
        try:
            return Tokenizer(genes, **given)
        except (TypeError, ValueError, AttributeError) as error:  # a key that it does not take, a value of another kind
            raise CheckpointError(f"the checkpoint's tokenizer is none of train.py's ({error!s:.100})") from error

    def __call__(self, cells: Sequence[RawCell]) -> Sentences:
        """Tokenise B cells; see `Sentences`.

        Raises:
            DataError: a technology or species that is not known, or a technology without a mean.
        """
        words = [self._words(cell) for cell in cells]
        rows = np.array([min(len(cell.offsets) - 1, 1 + self.neighbours) for cell in cells])
        valid = np.arange(1 + self.neighbours) < rows[:, None]
        positions = np.zeros((*valid.shape, 2), np.float32)
        positions[valid] = np.concatenate(
            [cell.positions[:k] - cell.positions[0] for cell, k in zip(cells, rows, strict=True)]
        )
        used = valid & (np.hypot(positions[..., 0], positions[..., 1]) <= self._reach(cells)[:, None])
        tokens, values = self._sentences(cells, rows, valid, np.array([row for row, _ in words]))
        tokens[~used.ravel()] = PADDING
        values[~used.ravel()] = 0
        return Sentences(
            tokens.reshape(*valid.shape, self.context),
            values.reshape(*valid.shape, self.context),
            used,
            np.array([ids for _, ids in words]),
            positions,
        )

    def _reach(self, cells: Sequence[RawCell]) -> np.ndarray:
        """Return how far each cell's neighbours may be, µm."""
        if isinstance(self.radius, str):
            return float(self.radius.removesuffix("px")) * np.array([float(cell.meta["mpp"]) for cell in cells])  # type: ignore[arg-type]
        return np.full(len(cells), np.inf if self.radius is None else self.radius)

    def _words(self, cell: RawCell) -> tuple[int, tuple[int, int, int]]:
        """Return the row of the cell's technology in the means, and its context tokens."""
        try:
            name, ids = _words(str(cell.meta["technology"]), str(cell.meta["species"]))
            if name not in self._technologies:
                raise DataError(f"no mean of {name}: the tokenizer has those of {', '.join(self._technologies)}")
        except DataError as error:
            raise DataError(f"{cell.shard}: sample {cell.key}: {error}") from error
        return self._technologies[name], ids

    def _sentences(
        self, cells: Sequence[RawCell], rows: np.ndarray, valid: np.ndarray, technology: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return tokens and values of all B·K rows, (B·K, L) each; no loop over rows or genes."""
        pairs = list(zip(cells, rows, strict=True))
        genes = np.concatenate([cell.genes[: cell.offsets[k]] for cell, k in pairs])
        counts = np.concatenate([cell.counts[: cell.offsets[k]] for cell, k in pairs]).astype(np.float64)
        lengths = np.zeros(valid.size, np.int64)
        lengths[valid.ravel()] = np.concatenate([np.diff(cell.offsets[: k + 1]) for cell, k in pairs])
        row = np.repeat(np.arange(valid.size), lengths)
        total = np.bincount(row, counts, valid.size)
        scaled = counts * (TARGET_SUM / np.where(total > 0, total, 1))[row]

        column = self._column[genes]
        known = column >= 0
        if not known.all():
            row, column, scaled = row[known], column[known], scaled[known]
            lengths = np.bincount(row, minlength=valid.size)
        technology_of_row = np.repeat(technology, valid.shape[1])
        over = scaled / self._mean[technology_of_row[row], column]

        # One integer holds (how little over-expressed, vocabulary position): a plain sort gives order, ties and tokens.
        # A double's bits rise with it; the last of them make room, which leaves 37 bits of mantissa for 20,000 genes.
        low = np.uint64((1 << max(len(self.vocabulary) - 1, 1).bit_length()) - 1)
        keys = np.full((valid.size, int(lengths.max(initial=0))), ~np.uint64(0))
        place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        keys[row, place] = (~over.view(np.uint64) & ~low) | column.astype(np.uint64)
        keys.sort(axis=1)
        found = np.arange(self.context) < lengths[:, None]
        sorted_keys = keys[:, : self.context][found[:, : keys.shape[1]]]
        column = (sorted_keys & low).astype(np.int64)
        row = np.repeat(np.arange(valid.size), np.minimum(lengths, self.context))
        scaled = (~sorted_keys & ~low).view(np.float64) * self._mean[technology_of_row[row], column]
        tokens = np.full(found.shape, PADDING)
        values = np.zeros(found.shape, np.float32)
        tokens[found] = column + RESERVED
        values[found] = np.log1p(scaled.astype(np.float32))
        return tokens, values


@lru_cache(maxsize=1024)
def _words(technology: str, species: str) -> tuple[str, tuple[int, int, int]]:
    """Return the technology's own spelling and (modality, assay, species) ids."""
    name = canonical(technology, TECHNOLOGY_TOKENS, "technology")
    return name, (
        MODALITY["spatial"],
        TECHNOLOGY_TOKENS[name],
        SPECIES_TOKENS[canonical(species, SPECIES_TOKENS, "species")],
    )
