"""Measured spots on the command line of `past predict`: which samples hold some, and what is predicted of each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from past.base.errors import ConfigError, DataError

if TYPE_CHECKING:
    from past.data.shards.records import Section
    from past.data.sources.platform import FileSource
    from past.models.stpath.spots import Spots
    from past.slides.cohort import CohortSlide
    from past.slides.slide import Slide

UNSAID = "unknown"  # organ and technology where nobody says them: STPath is not told


@dataclass(frozen=True)
class SpotOptions:
    """Options of samples whose spots are measured."""

    image: Annotated[
        Path | None, typer.Option(help="A sample's H&E, in place of the one that its files name, or beside them.")
    ] = None
    bin_um: Annotated[int | None, typer.Option("--bin", help="Visium HD: side of the bins in µm (2, 8 or 16).")] = None
    table: Annotated[str | None, typer.Option(help="The table of counts, where a SpatialData store has several.")] = (
        None
    )

    def source(self, slide: "CohortSlide") -> "FileSource | None":
        """Return the reader of a sample with measured spots; None: it is a slide."""
        path = slide.path
        is_store = path.is_dir() and (path.suffix == ".zarr" or (path / "zarr.json").is_file())
        if not (path.suffix == ".h5ad" or path.is_dir()):
            if self.image is not None:
                raise ConfigError(
                    f"--image {self.image}: {path} is a slide itself: give --image with a sample of spots"
                )
            return None
        from past.data.sources.anndata import AnnDataSource
        from past.data.sources.platform import SectionOptions
        from past.data.sources.spatialdata import SpatialDataSource
        from past.data.sources.visium import VisiumSource

        said = SectionOptions(
            image=self.image, image_mpp=slide.mpp, patient=slide.patient or slide.name, organ=slide.organ, unsaid=UNSAID
        )
        if path.suffix == ".h5ad":
            return AnnDataSource(path, said)
        return SpatialDataSource(path, said, self.table) if is_store else VisiumSource(path, said, self.bin_um)


def read_sample(source: "FileSource") -> "tuple[Slide, Spots, dict[str, str]]":
    """Read a sample: its image, its spots in the order in which their tiles are read fastest, and what STPath is told.

    Raises:
        DataError: what is wrong with it.
    """
    from past.base.joins import row_names
    from past.base.pictures import reading_order
    from past.data.sources.images import check_inside, check_on_tissue
    from past.models.stpath.spots import Spots
    from past.slides.slide import open_slide, slide_of_pixels

    raw = source.read()
    check_inside(source.name, raw.image, raw.centres)
    check_on_tissue(source.name, raw.image, raw.mpp, raw.centres)
    file = source.picture_file()
    slide = slide_of_pixels(source.path, raw.image, raw.mpp) if file is None else open_slide(file, raw.mpp)
    order = reading_order(raw.image, raw.centres)
    names = row_names(raw.names, source.name)
    spots = Spots([names[row] for row in order], raw.centres[order], raw.counts[order], raw.features)
    return slide, spots, _told_of(raw.section)


def _told_of(section: "Section") -> dict[str, str]:
    """Return the organ and technology of a sample, as far as STPath knows them."""
    from past.models.stpath.vocabulary import organ_token, technology_token

    words = {"organ": (section.organ, organ_token), "technology": (section.technology, technology_token)}
    return {what: said for what, (said, token) in words.items() if _is_known(said, token)}


def _is_known(said: str, token: Callable[[str], int]) -> bool:
    try:
        token(said)
    except DataError:
        return False
    return True
