"""Gene lists: an ordered tuple of names, its hash, and the map from one list to another."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from past.base import joins
from past.base.errors import DataError, reading
from past.base.foreign.gzipped import lines_of
from past.base.text.reading import read_json, read_text
from past.base.vocabularies import word

_CONTROL = re.compile(
    r"(NegControl|NegPrb|Negative\d|SystemControl|FalseCode|BLANK([_-]|\d*$)|antisense_|Unassigned|Deprecated|"
    r"Intergenic_Region|GenomicControl|Total transcripts$)",
    re.I,
)
_KINDS = ("gene expression", "gene")  # feature types of genes; others are proteins, controls, CRISPR guides
_VERSIONED = re.compile(r"^(ENS[A-Z]*G\d{11})\.\d+$")


def gene_hash(genes: Sequence[str]) -> str:
    """Return the hash that names an ordered gene list (first 16 hex digits of the SHA-256 of its lines)."""
    return hashlib.sha256("\n".join(genes).encode()).hexdigest()[:16]


def is_gene(name: str, kind: object = None) -> bool:
    """Whether a feature is a gene, and no control probe, blank, codeword of no gene, or protein.

    Args:
        name: its own.
        kind: its feature type, where the file says one.
    """
    said = word(kind)
    return (said is None or said.lower() in _KINDS) and not _CONTROL.match(name)


def require_unique(genes: Sequence[str], source: str) -> None:
    """Raise DataError naming the genes that occur twice in `source`."""
    cure = "make them unique or sum their counts first (adata.var_names_make_unique() keeps both apart)"
    joins.require_unique(genes, source, "gene names", cure)


def read_genes(path: Path) -> tuple[str, ...]:
    """Read an ordered gene list: `.h5ad` (its var_names), `.json` (a list or {"genes": [...]}), else one a line.

    Raises:
        DataError: the file is missing, empty, or names a gene twice.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such gene list; give a .h5ad, .json or .txt file")
    if path.suffix == ".h5ad":
        from past.base.h5ad import read_var_names  # which imports this module

        genes = tuple(names[0] for names in read_var_names(path))
    elif path.suffix == ".json":
        content = read_json(path, "give a list of gene names")
        names = content.get("genes") if isinstance(content, dict) else content
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise DataError(f'{path}: no list of gene names: give one, or {{"genes": [...]}}')
        genes = tuple(names)
    else:
        lines = read_text(path, "give one gene name a line").splitlines()
        genes = tuple(line.split()[0] for line in lines if line.strip())
    if not genes:
        raise DataError(f"{path}: the gene list is empty; it should hold one gene name a line")
    require_unique(genes, str(path))
    return genes


def gene_map(source: Sequence[str], target: Sequence[str]) -> np.ndarray:
    """Return, for each gene of `source`, its position in `target`, or -1; shape (len(source),), int64.

    An Ensembl id of another version is the same gene, unless its own version is there; no position is given twice.
    """
    position = {gene: i for i, gene in enumerate(target)}
    found = np.fromiter((position.get(gene, -1) for gene in source), dtype=np.int64, count=len(source))
    taken = set(found[found >= 0].tolist())
    others: dict[str, int] = {}
    for i, gene in enumerate(target):
        if i not in taken:
            others.setdefault(unversioned(gene), i)
    for i in np.flatnonzero(found < 0):
        found[i] = others.pop(unversioned(source[int(i)]), -1)
    return found


def read_synonyms(path: Path) -> dict[str, set[str]]:
    """Read which names mean the same gene: a table (tab or comma, may be .gz) of Ensembl id, symbol, and more columns.

    Raises:
        DataError: missing, or without two columns.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such gene table; give one of two columns, Ensembl id and symbol")
    synonyms: dict[str, set[str]] = defaultdict(set)
    with reading(path, "not a gene table, or cut off", "copy it again"):
        for line in lines_of(path):
            columns = line.split("\t" if "\t" in line else ",")
            if len(columns) < 2:
                raise DataError(f"{path}: {line.strip()!r} has one column; wanted an Ensembl id and a symbol")
            one, other = unversioned(columns[0]), columns[1]
            synonyms[one].add(other)
            synonyms[other].add(one)
    return dict(synonyms)


def unversioned(name: str) -> str:
    """Return an Ensembl gene id without its version (ENSG00000141510.18 → ENSG00000141510); other names unchanged."""
    return _VERSIONED.sub(r"\1", name)


def match_genes(
    features: Sequence[Sequence[str]],
    target: Sequence[str],
    synonyms: Mapping[str, Iterable[str]] = MappingProxyType({}),
) -> np.ndarray:
    """Return the position in `target` of each feature by the first of its names that is there, or -1; (n,) int64.

    A feature's names are tried as they are, then without an Ensembl version, then by their synonyms.

    Args:
        features: each feature's own names, say its symbol and its Ensembl id.
        target: the gene list; its Ensembl ids may have versions too.
        synonyms: names that mean the same gene.
    """
    position = {unversioned(gene): i for i, gene in enumerate(target)} | {gene: i for i, gene in enumerate(target)}

    def find(names: Sequence[str]) -> int:
        plain = [unversioned(name) for name in names]
        others = [other for name in plain for other in sorted(synonyms.get(name, ()))]
        return next((position[name] for name in (*names, *plain, *others) if name in position), -1)

    return np.fromiter(map(find, features), dtype=np.int64, count=len(features))
