"""HEST-1k samples: `st/<id>.h5ad`, `wsis/<id>.tif` or `patches/<id>.h5`, and what its metadata says."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from past.base.errors import DataError
from past.base.foreign.picture import open_picture
from past.base.h5ad import genes_of, read_adata, read_counts, read_places, read_var_names
from past.base.patients import read_patient_table, study_of
from past.base.text.reading import read_json
from past.base.vocabularies import word
from past.data.shards.records import Section
from past.data.sources.hest_cells import read_cells
from past.data.sources.hest_patches import PATCH_MPP, PatchPicture
from past.data.sources.platform import FileSource, RawSection
from past.data.sources.tables import read_table
from past.data.sources.tenx import MIN_QUALITY

Features = list[tuple[str, ...]]
_log = logging.getLogger(__name__)

SEGMENTATIONS = (("xenium_seg", "xenium_cell_seg"), ("cellvit_seg", "cellvit_seg"))  # the instrument's own first
SCALES = ("pixel_size_um_estimated", "pixel_size_um_embedded")  # as HEST measured it, and as the image's header says
KEPT = (
    "dataset_title",
    "disease_state",
    "oncotree_code",
    "tissue",
    "preservation_method",
)  # of the metadata, in the index


@dataclass(frozen=True)
class HestSource(FileSource):
    """A sample, named by its `st/<id>.h5ad`; the other folders lie beside `st`.

    Xenium samples are read cell by cell where transcripts and a segmentation lie there, else as HEST's pooled bins.
    """

    def files(self) -> list[Path]:
        """Return the h5ad, the image or the patches, and transcripts with a segmentation where there are both."""
        slide, patches = self._root / "wsis" / f"{self.name}.tif", self._root / "patches" / f"{self.name}.h5"
        image = self.options.image or (slide if slide.is_file() else patches)
        if not image.is_file():
            raise DataError(f"{self.name}: neither {slide} nor {patches} is there: download one, or give --image")
        transcripts = self._root / "transcripts" / f"{self.name}_transcripts.parquet"
        found = [self._root / folder / f"{self.name}_{stem}.parquet" for folder, stem in SEGMENTATIONS]
        segmentation = [path for path in found if path.is_file()][:1]
        by_cell = transcripts.is_file() and segmentation and image != patches
        return [self.path, image, *([transcripts, *segmentation] if by_cell else [])]

    def metadata(self) -> list[Path]:
        """Return the table of samples and the sample's own JSON, where they are there."""
        return [*tables(self._root), *(path for path in [_json(self._root, self.name)] if path.is_file())]

    def features(self) -> list[tuple[str, ...]]:
        """Return the sample's genes."""
        return read_var_names(self.path)

    def read(self) -> RawSection:
        """Read the sample: its spots, its pooled bins, or its cells."""
        adata = read_adata(self.path)
        kept, features = genes_of(pd.DataFrame(adata.var), self.name)
        _, image, *by_cell = self.files()
        said = read_metadata(self._root, self.name)
        words = {"organ": said.get("organ"), "technology": said.get("st_technology"), "species": said.get("species")}
        section = self.options.section(self.name, patient=read_patient(self._root, self.name, said), **words)
        facts = {key: said[key] for key in KEPT if key in said}
        raw = (
            self._cells(section, features, image, said, *by_cell)
            if by_cell
            else self._spots(section, adata, kept, features, image, said)
        )
        return replace(raw, controls=adata.n_vars - len(kept), facts={**facts, **raw.facts})

    def _cells(
        self,
        section: Section,
        features: Features,
        image: Path,
        said: dict[str, str],
        transcripts: Path,
        segmentation: Path,
    ) -> RawSection:
        cells = read_cells(transcripts, segmentation, [names[0] for names in features], self.name)
        return RawSection(
            section=section,
            image=open_picture(image),
            mpp=self._mpp(said),
            centres=cells.centres,
            counts=cells.counts,
            features=features,
            names=cells.names,
            cell_types=cells.types,
            facts={"cells_from": segmentation.name, "min_quality_value": MIN_QUALITY},
        )

    def _spots(
        self,
        section: Section,
        adata: AnnData,
        kept_genes: np.ndarray,
        features: Features,
        image: Path,
        said: dict[str, str],
    ) -> RawSection:
        names, places = list(map(str, adata.obs_names)), read_places(adata, self.name)
        counts = read_counts(adata, self.name, columns=kept_genes)
        mpp = self._mpp(said)
        if image.suffix == ".h5":
            places, mpp = places * (mpp / PATCH_MPP), PATCH_MPP
            picture, kept = PatchPicture.open(image, names, places)
            names, places, counts = [names[i] for i in kept], places[kept], counts[kept]
        else:
            picture = open_picture(image)
        return RawSection(
            section=section,
            image=picture,
            mpp=mpp,
            centres=places,
            counts=counts,
            features=features,
            names=names,
            facts={"cells_from": self.path.name},
        )

    def _mpp(self, said: dict[str, str]) -> float:
        known = self.options.image_mpp or next((said[key] for key in SCALES if key in said), None)
        try:
            mpp = float(known or 0)
        except ValueError:
            mpp = 0.0
        if not 0 < mpp < np.inf:
            raise DataError(
                f"{self.name}: its metadata says no {' or '.join(SCALES)} ({known}): give the image's with --image-mpp"
            )
        return mpp

    @property
    def _root(self) -> Path:
        return self.path.resolve().parent.parent


def tables(root: Path) -> list[Path]:
    """Return the newest `HEST_v*.csv`, where there is one."""
    return sorted([*root.glob("HEST_v*.csv"), *root.glob("assets/HEST_v*.csv")])[-1:]


def read_patient(root: Path, sample: str, said: Mapping[str, str]) -> str | None:
    """Return the patient's name by the rule of past.base.patients; without a `HEST_v*.csv`, within the study only.

    Args:
        root: of the samples' folders.
        sample: its name.
        said: what its metadata says.

    Returns:
        None: the patient is not recorded.
    """
    for table in map(read_patient_table, tables(root)):
        if sample in table.labelled:
            return table.patients[sample]
    if "patient" not in said:
        return None
    _log.warning("%s: not in a HEST_v*.csv in %s: its patient is not sought in other studies", sample, root)
    return f"{study_of(said.get('dataset_title', ''))}: {said['patient']}"


def read_metadata(root: Path, sample: str) -> dict[str, str]:
    """Return what is said of a sample: its row of `HEST_v*.csv` (the newest there), then `metadata/<id>.json` over it.

    Raises:
        DataError: one of them is broken; neither says anything of it.
    """
    said: dict[str, str] = {}
    for path in tables(root):
        table = read_table(path, ["id"], dtype=str, encoding="utf-8-sig")
        for _, row in table[table["id"] == sample].iterrows():
            said.update(_known(dict(row)))
    path = _json(root, sample)
    if path.is_file():
        content = read_json(path, "download it again")
        if not isinstance(content, dict):
            raise DataError(f"{path}: not JSON of metadata: download it again")
        said.update(_known(content))
    if not said:
        raise DataError(f"{sample}: neither {path} nor a HEST_v*.csv in {root} says anything of it: download one")
    return said


def _known(said: Mapping[Any, object]) -> dict[str, str]:
    """Return what is said, without what is missing."""
    words = {str(what): word(value) for what, value in said.items()}
    return {what: value for what, value in words.items() if value is not None}


def _json(root: Path, sample: str) -> Path:
    return root / "metadata" / f"{sample}.json"
