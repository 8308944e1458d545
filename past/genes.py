"""Gene lists: an ordered tuple of names, its hash, and the map from one list to another."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from past.errors import DataError


def gene_hash(genes: Sequence[str]) -> str:
    """Return the hash that names an ordered gene list (first 16 hex digits of the SHA-256 of its lines)."""
    return hashlib.sha256("\n".join(genes).encode()).hexdigest()[:16]


def require_unique(genes: Sequence[str], source: str) -> None:
    """Raise DataError naming the genes that occur twice in `source`."""
    twice = [gene for gene, count in Counter(genes).items() if count > 1]
    if twice:
        raise DataError(
            f"{source}: {len(twice)} gene names occur more than once ({', '.join(twice[:5])}…): "
            "make them unique or sum their counts first (adata.var_names_make_unique() keeps both apart)"
        )


def read_genes(path: Path) -> tuple[str, ...]:
    """Read an ordered gene list: `.h5ad` (its var_names), `.json` (a list or {"genes": [...]}), else one a line.

    Raises:
        DataError: the file is missing, empty, or names a gene twice.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such gene list; give a .h5ad, .json or .txt file")
    if path.suffix == ".h5ad":
        import anndata

        adata = anndata.read_h5ad(path, backed="r")
        genes = tuple(map(str, adata.var_names))
        adata.file.close()
    elif path.suffix == ".json":
        content = json.loads(path.read_text())
        genes = tuple(content["genes"] if isinstance(content, dict) else content)
    else:
        genes = tuple(line.split()[0] for line in path.read_text().splitlines() if line.strip())
    if not genes:
        raise DataError(f"{path}: the gene list is empty; it should hold one gene name a line")
    require_unique(genes, str(path))
    return genes


def gene_map(source: Sequence[str], target: Sequence[str]) -> np.ndarray:
    """Return, for each gene of `source`, its position in `target`, or -1; shape (len(source),), int64."""
    position = {gene: i for i, gene in enumerate(target)}
    return np.fromiter((position.get(gene, -1) for gene in source), dtype=np.int64, count=len(source))
