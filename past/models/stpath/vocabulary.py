"""STPath's closed vocabularies, in the published order, and its genes: names in; tokens, or a sentence, out."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from past.base.errors import DataError
from past.base.genes import gene_hash, match_genes, unversioned
from past.base.text.reading import read_json

PADDING: Final = 0
MASK: Final = 1  # of genes: a spot whose expression is not known
RESERVED: Final = 2

TECHNOLOGIES: Final = ("<pad>", "Spatial Transcriptomics", "Visium", "Xenium", "Visium HD")
ORGANS: Final = (
    *("<pad>", "<mask>", "<unk>", "Spinal cord", "Brain", "Breast", "Bowel", "Skin", "Heart", "Kidney", "Prostate"),
    *("Lung", "Liver", "Uterus", "Bone", "Muscle", "Eye", "Pancreas", "Mouth", "Ovary", "Glioma", "Glioblastoma"),
    *("Stomach", "Colon", "Others"),
)
PUBLISHED_NAMES: Final = MappingProxyType(
    {
        "st": "Spatial Transcriptomics",
        "visiumhd": "Visium HD",
        "visium-hd": "Visium HD",
        "other": "Others",
        **dict.fromkeys(("bladder", "lymph node", "cervix", "tonsil", "placenta", "embryo", "lymphoid"), "Others"),
        **dict.fromkeys(
            ("thyroid", "adrenal gland", "spleen", "thymus", "esophagus", "gallbladder", "whole organism"), "Others"
        ),
    }
)


def _token(name: str, words: Sequence[str], what: str, cure: str) -> int:
    accepted = {word.lower(): token for token, word in enumerate(words) if not word.startswith("<")}
    spelled = PUBLISHED_NAMES.get(name.strip().lower(), name.strip()).lower()
    if spelled in accepted:
        return accepted[spelled]
    raise DataError(f"{what} {name!r} is not in STPath's vocabulary{_nearest(name, words)}: {cure}")


def _nearest(name: str, words: Iterable[str]) -> str:
    spelled = {word.lower(): word for word in words if not word.startswith("<")}
    begun = [low for low in spelled if name.lower().startswith(low)]
    close = begun or difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.6)
    return f" (nearest: {', '.join(spelled[low] for low in close)})" if close else ""


def organ_token(name: str | None) -> int:
    """Return the token of an organ's name (any case, an alias); None is `Others`.

    Raises:
        DataError: the organ is not known; names the nearest, the accepted ones and `--organ others`.
    """
    accepted = ", ".join(word for word in ORGANS if not word.startswith("<"))
    return _token("Others" if name is None else name, ORGANS, "organ", f"give --organ others, or one of {accepted}")


def technology_token(name: str | None) -> int:
    """Return the token of a technology's name (any case, an alias); None is padding, "not told".

    Raises:
        DataError: the technology is not known; names the accepted ones and that none may be given.
    """
    if name is None:
        return PADDING
    accepted = ", ".join(TECHNOLOGIES[1:])
    return _token(name, TECHNOLOGIES, "technology", f"leave --technology out, or give one of {accepted}")


def technology_or_padding(name: str) -> int:
    """Return the token of a technology's name; padding, "not told", for one that STPath does not know."""
    return technology_token(name) if name in TECHNOLOGIES else PADDING


class GeneVocabulary:
    """Gene names → tokens: ids sorted and unique, after padding (0) and mask (1).

    Args:
        symbols: name → id (published: symbol → Ensembl id); several names may share one id, and then its token.
    """

    def __init__(self, symbols: Mapping[str, str]) -> None:
        self.symbols = dict(symbols)
        self.ids = tuple(sorted(set(self.symbols.values())))

    @staticmethod
    def read(path: Path) -> "GeneVocabulary":
        """Read the JSON `{"symbol": "Ensembl id"}` that is published beside the weights.

        Raises:
            DataError: no such file, or not of that form.
        """
        symbols = read_json(path, "give symbol2ensembl.json of the weights")
        if not isinstance(symbols, dict) or not all(isinstance(value, str) for value in symbols.values()):
            raise DataError(f'{path}: should be {{"symbol": "Ensembl id", …}}; give symbol2ensembl.json of the weights')
        return GeneVocabulary(symbols)

    @staticmethod
    def from_state(state: Mapping[str, object]) -> "GeneVocabulary":
        """Build the vocabulary that `state()` describes, as a checkpoint carries it.

        Raises:
            DataError: the state is not one of a gene vocabulary.
        """
        symbols = state.get("symbols")
        if not isinstance(symbols, dict):
            raise DataError(
                "the checkpoint carries no gene vocabulary: import it again with --genes symbol2ensembl.json"
            )
        return GeneVocabulary(symbols)

    def state(self) -> dict[str, object]:
        """Return plain values from which the vocabulary is built again, and the hash that names it."""
        return {"vocabulary_hash": gene_hash(self.ids), "symbols": self.symbols}

    @property
    def tokens(self) -> int:
        """Number of tokens, padding and mask included."""
        return len(self.ids) + RESERVED

    @cached_property
    def _token_of(self) -> dict[str, int]:
        by_id = {gene: token for token, gene in enumerate(self.ids, RESERVED)}
        plain = {unversioned(gene): token for gene, token in by_id.items()}
        return plain | by_id | {symbol: by_id[gene] for symbol, gene in self.symbols.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._token_of or unversioned(name) in self._token_of

    def find(self, features: Iterable[Sequence[str]]) -> np.ndarray:
        """Return the token of each feature by the first of its names that is known, in any version, or -1; (G,) int64.

        Args:
            features: each one's own names, say its symbol and its Ensembl id.
        """
        tokens = np.fromiter(self._token_of.values(), dtype=np.int64)
        positions = match_genes(list(features), list(self._token_of))
        return np.where(positions < 0, -1, tokens[positions])

    def encode(self, names: Iterable[str]) -> np.ndarray:
        """Return the tokens of names or ids, (G,) int64; names of one id get the same token.

        Raises:
            DataError: some are not known; names them and the nearest known name of the first.
        """
        names = list(names)
        tokens = self.find((name,) for name in names)
        unknown = [name for name, token in zip(names, tokens, strict=True) if token < 0]
        if unknown:
            shown = ", ".join(unknown[:5]) + ("…" if len(unknown) > 5 else "")
            raise DataError(
                f"{len(unknown)} of {len(names)} genes are not in the weights' vocabulary: "
                f"{shown}{_nearest(unknown[0], self._token_of)}; leave them out or give their other name"
            )
        return tokens
