"""Sections that lie as `<section>.h5ad` (raw counts, `obsm['spatial']`, `uns['meta']`) beside an H&E image."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from past.data.sources.h5ad import over_genes, read_adata, read_counts, read_meta, read_places, sha256_of
from past.data.sources.images import find_image, open_picture
from past.data.sources.tissue import TissueSection
from past.errors import DataError
from past.genes import require_unique
from past.keys import Keys
from past.types import Section
from past.vocabularies import SPECIES, TECHNOLOGY, canonical

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
        return {"sha256": [sha256_of(self.path), sha256_of(image)], **{k: v for k, v in given.items() if v is not None}}

    def open(self, genes: Sequence[str]) -> TissueSection:
        """Read the section, its counts over `genes`; cells without any count of them are dropped.

        Raises:
            DataError: no places, no raw counts, no scale, a gene twice, no cell left, no image, a broken image, or
                cells outside the image or off its tissue.
        """
        adata = read_adata(self.path)
        meta = dict(adata.uns.get(Keys.META, {}))
        section, (places_mpp, mpp) = self._section(meta), self._scales(meta)
        require_unique(list(map(str, adata.var_names)), self.name)
        places, counts = read_places(adata, self.name), read_counts(adata, self.name)
        mapped, dropped_genes = over_genes(counts, list(map(str, adata.var_names)), genes)
        kept = np.flatnonzero(np.diff(mapped.indptr))
        if not len(kept):
            raise DataError(f"{self.name}: no cell is left: none of its {len(places)} has a count of the set's genes")
        image_path = self.image or find_image(self.path, _text(meta, "image"))
        image = open_picture(image_path)
        centres = places[kept] * (places_mpp / mpp)
        types = adata.obs[Keys.CELL_TYPE].astype(str).tolist() if Keys.CELL_TYPE in adata.obs else None
        return TissueSection(
            section=section,
            image=image,
            mpp=mpp,
            centres=centres,
            counts=mapped[kept],
            names=[str(name) for name in adata.obs_names[kept]],
            cell_types=None if types is None else [types[i] for i in kept],
            facts={
                "files": [self.path.name, image_path.name],
                "cells_dropped": len(places) - len(kept),
                "genes_dropped": dropped_genes,
            },
        )

    def _section(self, meta: Mapping[str, object]) -> Section:
        given = {
            "organ": self.organ or _text(meta, "tissue"),
            "technology": self.technology or _text(meta, "platform"),
            "species": self.species or _text(meta, "organism"),
        }
        missing = [word for word, found in given.items() if found is None]
        if missing:
            options = " ".join(f"--{word}" for word in missing)
            raise DataError(f"{self.name}: uns['meta'] says no {' and no '.join(missing)}: give {options}")
        patient = self.patient or _text(meta, "patient")
        if patient is None:
            _log.warning("%s: no patient in uns['meta']: taken for a patient of its own; give --patient", self.name)
        return Section(
            section=self.name,
            patient=patient or self.name,
            organ=str(given["organ"]),
            technology=canonical(str(given["technology"]), TECHNOLOGY, f"{self.name}: technology"),
            species=canonical(str(given["species"]), SPECIES, f"{self.name}: species"),
        )

    def _scales(self, meta: Mapping[str, object]) -> tuple[float, float]:
        """Return µm/px of the coordinates and of the image."""
        known = _text(meta, "um_per_px") or self.image_mpp
        try:
            scales = float(known or 0), float(self.image_mpp or known or 0)
        except ValueError:
            scales = 0.0, 0.0
        if not all(0 < scale < np.inf for scale in scales):
            raise DataError(
                f"{self.name}: uns['meta']['um_per_px'] is {known}: give the image's µm/px with --image-mpp"
            )
        return scales


def _text(meta: Mapping[str, object], key: str) -> str | None:
    value = meta.get(key)
    return str(value) if value is not None and str(value) else None
