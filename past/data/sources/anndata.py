"""Sections that lie as `<section>.h5ad` (raw counts, `obsm['spatial']`, `uns['meta']`) beside an H&E image."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from past.base.errors import DataError
from past.base.foreign.picture import open_picture
from past.base.h5ad import genes_of, read_adata, read_counts, read_meta, read_places, read_var_names
from past.base.keys import Keys
from past.base.vocabularies import word
from past.data.sources.images import find_image
from past.data.sources.platform import FileSource, RawSection


@dataclass(frozen=True)
class AnnDataSource(FileSource):
    """A section in an h5ad file.

    Its image is the one that `uns['meta']['image']` names, or that lies beside it under the same stem; `um_per_px`
    there is the scale of the coordinates, and the image's too unless the user gives another.
    """

    def files(self) -> list[Path]:
        """Return the h5ad file and its image."""
        return [self.path, self.picture_file()]

    def picture_file(self) -> Path:
        """Return the image that is given, or that the file names, or beside it."""
        return self.options.image or find_image(self.path, word(read_meta(self.path).get("image")))

    def features(self) -> list[tuple[str, ...]]:
        """Return the genes' var names, with Ensembl ids where there are some."""
        return read_var_names(self.path)

    def read(self) -> RawSection:
        """Read the file: no places, no raw counts, no scale, or a gene twice is an error."""
        adata = read_adata(self.path)
        meta = dict(adata.uns.get(Keys.META, {}))
        words = {"patient": "patient", "organ": "tissue", "technology": "platform", "species": "organism"}
        section = self.options.section(self.name, **{what: meta.get(key) for what, key in words.items()})
        places_mpp, mpp = self._scales(meta)
        kept, features = genes_of(pd.DataFrame(adata.var), self.name)
        types = adata.obs.get(Keys.CELL_TYPE)
        return RawSection(
            section=section,
            image=open_picture(self.picture_file()),
            mpp=mpp,
            centres=read_places(adata, self.name) * (places_mpp / mpp),
            counts=read_counts(adata, self.name, columns=kept),
            features=features,
            names=list(adata.obs_names),
            cell_types=None if types is None else list(map(word, types)),
            controls=adata.n_vars - len(kept),
        )

    def _scales(self, meta: Mapping[str, object]) -> tuple[float, float]:
        """Return µm/px of the coordinates and of the image."""
        known = word(meta.get("um_per_px")) or self.options.image_mpp
        try:
            scales = float(known or 0), float(self.options.image_mpp or known or 0)
        except ValueError:
            scales = 0.0, 0.0
        if not all(0 < scale < np.inf for scale in scales):
            raise DataError(
                f"{self.name}: uns['meta']['um_per_px'] is {known}: give the image's µm/px with --image-mpp"
            )
        return scales
