"""Sections that lie as `<section>.h5ad` (raw counts, `obsm['spatial']`, `uns['meta']`) beside an H&E image."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anndata
import h5py
import numpy as np
from anndata.io import read_elem
from scipy.sparse import csr_matrix, issparse

from past.data.sources.images import check_inside, check_on_tissue, find_image, read_image
from past.data.sources.tissue import TissueSection
from past.errors import DataError
from past.genes import gene_map, require_unique
from past.keys import Keys
from past.types import Section
from past.vocabularies import SPECIES, TECHNOLOGY, canonical

COUNTS_LAYER = "counts"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnnDataSource:
    """A section in an h5ad file; its name is the file's stem.

    Attributes:
        path: the h5ad file.
        image: its image; None: the one that `uns['meta']['image']` names, or that lies beside it under the same stem.
        image_mpp: µm/px of the image, where it is not the scale of the coordinates (`uns['meta']['um_per_px']`).
        patient: in place of `uns['meta']['patient']`.
        organ: in place of `uns['meta']['tissue']`.
        technology: in place of `uns['meta']['platform']`.
        species: in place of `uns['meta']['organism']`.
    """

    path: Path
    image: Path | None = None
    image_mpp: float | None = None
    patient: str | None = None
    organ: str | None = None
    technology: str | None = None
    species: str | None = None

    @property
    def name(self) -> str:
        """The section's name: the file's stem."""
        return self.path.stem

    def origin(self) -> dict[str, object]:
        """Return the SHA-256 of file and image, and what was given in place of the file's own description."""
        image = self.image or find_image(self.path, _text(read_meta(self.path), "image"))
        given = {word: getattr(self, word) for word in ("image_mpp", "patient", "organ", "technology", "species")}
        return {"sha256": [_sha256(self.path), _sha256(image)], **{k: v for k, v in given.items() if v is not None}}

    def open(self, genes: Sequence[str]) -> TissueSection:
        """Read the section, its counts over `genes`; cells without any count of them are dropped.

        Raises:
            DataError: no places, no raw counts, no scale, a gene twice, no cell left, no image, a broken image, or
                cells outside the image or off its tissue.
        """
        adata = _read(self.path)
        meta = dict(adata.uns.get(Keys.META, {}))
        section = self._section(meta)
        require_unique(list(map(str, adata.var_names)), self.name)
        places, counts = _places(adata, self.name), _counts(adata, self.name)
        mapped, dropped_genes = _over(counts, list(map(str, adata.var_names)), genes)
        kept = np.flatnonzero(np.diff(mapped.indptr))
        if not len(kept):
            raise DataError(f"{self.name}: no cell is left: none of its {len(places)} has a count of the set's genes")
        image_path = self.image or find_image(self.path, _text(meta, "image"))
        image = read_image(image_path)
        own_mpp = float(meta.get("um_per_px") or self.image_mpp or 0)
        mpp = self.image_mpp or own_mpp
        if not 0 < mpp < np.inf:
            raise DataError(f"{self.name}: no µm/px in uns['meta']['um_per_px']: give the image's with --image-mpp")
        centres = places[kept] * (own_mpp / mpp)
        check_inside(self.name, image.size, centres)
        check_on_tissue(self.name, image, mpp, centres)
        types = adata.obs[Keys.CELL_TYPE].astype(str).to_numpy()[kept] if Keys.CELL_TYPE in adata.obs else None
        return TissueSection(
            section=section,
            image=image,
            mpp=mpp,
            centres=centres,
            counts=mapped[kept],
            names=[str(name) for name in adata.obs_names[kept]],
            cell_types=types,
            facts={
                "files": [self.path.name, image_path.name],
                "cells_dropped": len(places) - len(kept),
                "genes_dropped": dropped_genes,
            },
        )

    def _section(self, meta: Mapping[str, object]) -> Section:
        patient = self.patient or _text(meta, "patient")
        if patient is None:
            _log.warning("%s: no patient in uns['meta']: taken for a patient of its own; give --patient", self.name)
        described = {}
        for word, key, given in (
            ("technology", "platform", self.technology),
            ("species", "organism", self.species),
            ("organ", "tissue", self.organ),
        ):
            found = given or _text(meta, key) or _text(meta, word)
            if found is None:
                raise DataError(f"{self.name}: no {word} in uns['meta']['{key}']: give it with --{word}")
            described[word] = found
        return Section(
            section=self.name,
            patient=patient or self.name,
            organ=described["organ"],
            technology=canonical(described["technology"], TECHNOLOGY, f"{self.name}: technology"),
            species=canonical(described["species"], SPECIES, f"{self.name}: species"),
        )


def read_meta(path: Path) -> dict[str, object]:
    """Read `uns['meta']` only; empty where there is none.

    Raises:
        DataError: the file is missing or no h5ad.
    """
    with _opened(path) as file:
        return dict(read_elem(file[f"uns/{Keys.META}"])) if f"uns/{Keys.META}" in file else {}


def read_var_names(path: Path) -> tuple[str, ...]:
    """Read the gene names only.

    Raises:
        DataError: the file is missing, no h5ad, or names a gene twice.
    """
    with _opened(path) as file:
        names = tuple(map(str, read_elem(file["var"]).index))
    require_unique(names, path.stem)
    return names


def union_of_genes(paths: Sequence[Path]) -> tuple[str, ...]:
    """Return all sections' genes in the order in which they first occur."""
    return tuple(dict.fromkeys(gene for path in paths for gene in read_var_names(path)))


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the sections' .h5ad files")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path}: not an h5ad file, or cut off ({error}): copy it again") from error


def _read(path: Path) -> anndata.AnnData:
    _opened(path).close()
    try:
        return anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{path}: cannot be read as AnnData ({error}): write it again") from error


def _places(adata: anndata.AnnData, name: str) -> np.ndarray:
    if Keys.SPATIAL not in adata.obsm:
        raise DataError(f"{name}: no obsm['spatial']: put each cell's (x, y) in pixels of the image there")
    places = np.asarray(adata.obsm[Keys.SPATIAL], dtype=np.float64)
    if places.ndim != 2 or places.shape[1] < 2 or not np.isfinite(places[:, :2]).all():
        raise DataError(f"{name}: obsm['spatial'] of shape {places.shape} must hold two finite numbers a cell, (x, y)")
    return places[:, :2]


def _counts(adata: anndata.AnnData, name: str) -> csr_matrix:
    """Return the raw counts, without stored zeros."""
    slot = f"layers['{COUNTS_LAYER}']" if COUNTS_LAYER in adata.layers else "X"
    found = adata.layers.get(COUNTS_LAYER, adata.X)
    if found is None:
        raise DataError(f"{name}: has neither X nor layers['{COUNTS_LAYER}']: put the raw counts there")
    counts = csr_matrix(found) if issparse(found) else csr_matrix(np.asarray(found))
    counts.sum_duplicates()
    counts.eliminate_zeros()
    values = counts.data
    wrong = values[~(np.isfinite(values) & (values >= 0) & (values == np.floor(values)) & (values < 2**32))]
    if len(wrong):
        raise DataError(
            f"{name}: {slot} holds {wrong[0]:.4g}: normalised or scaled? "
            f"give raw counts, or put them in layers['{COUNTS_LAYER}']"
        )
    return counts


def _over(counts: csr_matrix, names: Sequence[str], genes: Sequence[str]) -> tuple[csr_matrix, int]:
    """Return the counts (n, genes) over another gene list, and how many of its own genes are not in it."""
    target = gene_map(names, genes)
    known = np.flatnonzero(target >= 0)
    kept = counts[:, known]
    mapped = csr_matrix((kept.data, target[known][kept.indices], kept.indptr), shape=(counts.shape[0], len(genes)))
    mapped.sort_indices()
    return mapped, len(names) - len(known)


def _text(meta: Mapping[str, object], key: str) -> str | None:
    value = meta.get(key)
    return str(value) if value is not None and str(value) else None


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
