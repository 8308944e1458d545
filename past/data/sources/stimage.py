"""STimage-1K4M: `gene_exp/<slide>_count.csv`, `coord/<slide>_coord.csv` and `image/<slide>.*` of a technology."""

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix, vstack

from past.base.errors import DataError
from past.base.genes import is_gene
from past.base.h5ad import require_counts
from past.data.sources.images import open_picture
from past.data.sources.platform import FileSource, RawSection
from past.data.sources.tables import numbers_of, only_file, only_picture, read_rows, read_table, rows_named

SUFFIX: Final = "_count.csv"
SPOT_UM: Final = {"Spatial Transcriptomics": 100.0, "Visium": 55.0}  # diameter of a spot
FOLDERS: Final = {"ST": "Spatial Transcriptomics", "Visium": "Visium", "VisiumHD": "Visium HD"}
_SPOTS_AT_ONCE = 500  # read at a time: a slide of 5,000 spots × 36,000 genes is 1.4 GB as numbers


@dataclass(frozen=True)
class STImageSource(FileSource):
    """A slide, named by its `gene_exp/<slide>_count.csv`."""

    @property
    def name(self) -> str:
        """The slide's name."""
        if not self.path.name.endswith(SUFFIX):
            raise DataError(f"{self.path}: give the slide's gene_exp/<slide>{SUFFIX}")
        return self.path.name.removesuffix(SUFFIX)

    def files(self) -> list[Path]:
        """Return counts, places and image."""
        folder, name = self.path.resolve().parent.parent, glob.escape(self.name)
        return [
            self.path,
            only_file(
                [folder / "coord"], [f"{name}_coord.csv"], "table of the spots' places", "copy it beside gene_exp"
            ),
            self.options.image or only_picture([folder / "image"], [f"{name}.*"], "image of the slide", "--image"),
        ]

    def metadata(self) -> list[Path]:
        """Return `meta/meta*.csv` beside the technology's folder."""
        return _tables(self.path.resolve().parents[2])

    def features(self) -> list[tuple[str, ...]]:
        """Return the columns that are genes."""
        columns = read_table(self.path, [], nrows=0, index_col=0).columns
        return [(name,) for name in map(str, columns) if is_gene(name)]

    def read(self) -> RawSection:
        """Read the slide; µm/px by the spots' radius in pixels and their known size."""
        counts, places, image = self.files()
        rows, matrix, genes, controls = _read_counts(counts)
        table = read_table(places, ["yaxis", "xaxis", "r"], index_col=0)
        table = rows_named(table, table.index, rows, str(counts), places.name)
        folder = self.path.resolve().parent.parent
        said = _meta(folder.parent, self.name)
        section = self.options.section(
            self.name,
            patient=said.get("patient"),
            organ=said.get("tissue"),
            technology=FOLDERS.get(folder.name),
            species=said.get("species"),
        )
        return RawSection(
            section=section,
            image=open_picture(image),
            mpp=self.options.image_mpp or self._mpp(section.technology, float(numbers_of(table, ["r"], places)[0, 0])),
            centres=numbers_of(table, ["xaxis", "yaxis"], places),
            counts=matrix,
            features=[(name,) for name in genes],
            names=rows,
            controls=controls,
        )

    def _mpp(self, technology: str, radius: float) -> float:
        if technology not in SPOT_UM or not radius > 0:
            raise DataError(
                f"{self.name}: spots of {technology} with a radius of {radius} px: give µm/px with --image-mpp"
            )
        return SPOT_UM[technology] / (2 * radius)


def _read_counts(path: Path) -> tuple[list[object], csr_matrix, list[str], int]:
    """Read spots, counts (spots, genes) a few rows at a time, genes, and how many controls were left out."""
    parts, rows = [], []
    genes: list[str] = []
    columns = 0
    for part in read_rows(path, _SPOTS_AT_ONCE):
        kept = [i for i, name in enumerate(map(str, part.columns)) if is_gene(name)]
        genes, columns = [str(part.columns[i]) for i in kept], part.shape[1]
        try:
            parts.append(csr_matrix(part.iloc[:, kept].to_numpy(np.float64)))
        except ValueError as error:
            raise DataError(f"{path}: not a table of counts ({error}): copy it again") from error
        rows += list(part.index)
    if not rows:
        raise DataError(f"{path}: the table has no rows: copy it again")
    return rows, require_counts(csr_matrix(vstack(parts)), str(path)), genes, columns - len(genes)


def _tables(root: Path) -> list[Path]:
    return sorted((root / "meta").glob("meta*.csv"))


def _meta(root: Path, slide: str) -> dict[str, object]:
    """Return the slide's row of `meta/*.csv`, empty where there is none."""
    for path in _tables(root):
        table = read_table(path, ["slide"], sep=None, engine="python", dtype=str)
        found = table[table["slide"] == slide]
        if len(found):
            return {str(what): value for what, value in found.iloc[0].items()}
    return {}
