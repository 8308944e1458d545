"""SpatialData `.zarr` stores: a table, the shapes or labels that it annotates, and the H&E among the images."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anndata
import numpy as np
import pandas as pd

from past.base.errors import DataError
from past.base.h5ad import genes_of, read_counts
from past.base.keys import Keys
from past.base.pictures import TiledPicture
from past.data.sources.platform import FileSource, RawSection
from past.data.sources.tables import rows_named
from past.data.sources.visium import fitted_mpp, on_array

READER: Final = "spatialdata_io_reader"  # attribute of the store: which of spatialdata-io's readers made it
TECHNOLOGY_OF: Final = {"xenium": "Xenium", "visium": "Visium", "visium_hd": "Visium HD"}
ANNOTATES: Final = "spatialdata_attrs"  # uns of a table: its element and its column of instances
_BIN = re.compile(r"square_(\d{3})um")


@dataclass(frozen=True)
class SpatialDataSource(FileSource):
    """A store; its name is the folder's without `.zarr`.

    Attributes:
        table: the table of counts; None: the only one.
    """

    table: str | None = None

    def files(self) -> list[Path]:
        """Return every file of the store."""
        return sorted(path for path in self.path.rglob("*") if path.is_file())

    def features(self) -> list[tuple[str, ...]]:
        """Return the table's genes."""
        return genes_of(pd.DataFrame(self._table(self._open("tables")).var), self.name)[1]

    def read(self) -> RawSection:
        """Read the table, the centres of what it annotates, and open the image."""
        store = self._open("images", "labels", "shapes", "tables")
        adata = self._table(store)
        kept, features = genes_of(pd.DataFrame(adata.var), self.name)
        image_name, image = self._image(store)
        annotated, places = self._places(store, adata, image_name)
        section = self.options.section(self.name, technology=TECHNOLOGY_OF.get(store.attrs.get(READER, "")))
        return RawSection(
            section=section,
            image=image,
            mpp=self.options.image_mpp or self._mpp(section.technology, adata, annotated, places),
            centres=places,
            counts=read_counts(adata, self.name, columns=kept),
            features=features,
            names=list(adata.obs_names),
            controls=adata.n_vars - len(kept),
            facts={
                "files": [self.path.name],
                "image": image_name,
                "annotated": annotated,
            },
        )

    def _open(self, *parts: str) -> Any:
        try:
            import spatialdata
        except ImportError as error:
            raise DataError(f"{self.path}: SpatialData needs 'pip install past-pathology[spatial]'") from error
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder; give a SpatialData .zarr store")
        try:
            return spatialdata.read_zarr(self.path, selection=parts)  # type: ignore[arg-type]
        except Exception as error:  # its readers raise whatever their formats do
            raise DataError(f"{self.path}: not a SpatialData store that can be read ({error})") from error

    def _table(self, store: Any) -> anndata.AnnData:
        tables = dict(store.tables)
        name = self.table or (next(iter(tables)) if len(tables) == 1 else None)
        if name not in tables:
            raise DataError(f"{self.path}: its tables are {', '.join(tables) or 'none'}: name one with --table")
        if not isinstance(tables[name].uns.get(ANNOTATES, {}).get("region"), str):
            raise DataError(f"{self.path}: table {name} does not annotate one element: split it by its regions first")
        return tables[name]

    def _image(self, store: Any) -> tuple[str, TiledPicture]:
        """Return the largest image of three 8-bit channels."""
        import spatialdata

        finest = {
            name: image if not hasattr(image, "children") else next(iter(spatialdata.get_pyramid_levels(image)))
            for name, image in store.images.items()
        }
        fitting = {name: image for name, image in finest.items() if image.shape[0] == 3 and image.dtype == np.uint8}
        if not fitting:
            seen = ", ".join(f"{name} {image.shape} {image.dtype}" for name, image in finest.items()) or "none"
            raise DataError(
                f"{self.name}: no H&E of three 8-bit channels among its images ({seen}): add it to the store"
            )
        name = max(fitting, key=lambda name: fitting[name].size)
        pixels = fitting[name].transpose("c", "y", "x").data
        _, high, wide = pixels.chunksize

        def read(row: int, column: int) -> np.ndarray:
            tile = pixels[:, row * high : (row + 1) * high, column * wide : (column + 1) * wide].compute()
            return np.ascontiguousarray(np.moveaxis(tile, 0, -1))

        return name, TiledPicture((pixels.shape[2], pixels.shape[1]), (wide, high), read)

    def _places(self, store: Any, adata: anndata.AnnData, image: str) -> tuple[str, np.ndarray]:
        """Return what the table annotates, and each cell's centre (n, 2) in pixels of the image."""
        from spatialdata import get_centroids
        from spatialdata.transformations import get_transformation

        said = adata.uns[ANNOTATES]
        annotated = said["region"]
        if annotated not in store:
            raise DataError(f"{self.name}: its table annotates {annotated}, which is not in the store: write it again")
        element = store[annotated]
        from_element: Any = get_transformation(element, get_all=True)
        from_image: Any = get_transformation(store[image], get_all=True)
        common = [system for system in from_element if system in from_image]
        if not common:
            raise DataError(f"{self.name}: {annotated} and {image} share no coordinate system: align them first")
        centroids = get_centroids(element, coordinate_system=common[0]).compute()
        instances = list(adata.obs[said["instance_key"]])
        centroids = rows_named(centroids, centroids.index, instances, self.name, annotated)
        back = np.linalg.inv(from_image[common[0]].to_affine_matrix(("x", "y"), ("x", "y")))
        return annotated, centroids[["x", "y"]].to_numpy(np.float64) @ back[:2, :2].T + back[:2, 2]

    def _mpp(self, technology: str, adata: anndata.AnnData, annotated: str, places: np.ndarray) -> float:
        """Return µm/px of the image by what the platform tells of its cells' places in µm."""
        known, obs = None, pd.DataFrame(adata.obs)
        found = _BIN.search(annotated)
        if technology == "Xenium" and Keys.SPATIAL in adata.obsm:
            known = np.asarray(adata.obsm[Keys.SPATIAL], np.float64)
        elif {"array_col", "array_row"} <= set(obs) and (technology == "Visium" or found):
            known = on_array(obs[["array_col", "array_row"]].to_numpy(np.float64), int(found[1]) if found else None)
        mpp = None if known is None else fitted_mpp(known, places)
        if mpp is None:
            raise DataError(
                f"{self.name}: its {adata.n_obs} cells do not tell µm/px: give the image's with --image-mpp"
            )
        return mpp
