"""`past ihc`: scores of a marker from expression or from a real stain, and the stain painted."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from past.base.errors import ConfigError, DataError
from past.base.files import require_free, write_atomically
from past.cli.options import takes_groups
from past.cli.screen import say

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from past.cells.nuclei import Nuclei
    from past.slides.slide import Slide

ihc = typer.Typer(no_args_is_help=True, help="How cells stain: score a marker, measure a real stain, paint one.")
WIDEST = 3_000  # px of the picture of called nuclei


@dataclass(frozen=True)
class RegionOptions:
    """Which cells are scored together."""

    regions: Annotated[
        Path | None, typer.Option(help="GeoJSON of outlines (QuPath), in pixels of the slide's level 0.")
    ] = None
    grid: Annotated[float, typer.Option(help="µm of the squares that are scored too; 0: none.")] = 500.0
    thresholds: Annotated[
        str | None, typer.Option(help="Where weak, moderate and strong begin: 0.2,0.4,0.6 for example.")
    ] = None


@dataclass(frozen=True)
class NucleiOptions:
    """Where nuclei come from."""

    nuclei: Annotated[
        Path | None,
        typer.Option(help="QuPath's .geojson, Xenium's or any table, CellViT's .json, an image of labels."),
    ] = None
    unit: Annotated[str, typer.Option(help="Of the nuclei's coordinates: px, um, or auto.")] = "auto"
    segment: Annotated[str, typer.Option(help="Without --nuclei: classical, or instanseg with local weights.")] = (
        "classical"
    )
    segment_weights: Annotated[Path | None, typer.Option(help="Weights of the segmenter.")] = None

    def of(self, slide: "Slide", stained: str = "he") -> "Nuclei":
        """Return a slide's nuclei, read or found."""
        from past.cells.reading import read_nuclei
        from past.cells.segment import find_nuclei
        from past.cells.zoo import segmenter

        if self.nuclei is not None:
            return read_nuclei(self.nuclei, slide, self.unit)
        found = find_nuclei(slide, segmenter(self.segment, self.segment_weights, stained))  # type: ignore[arg-type]
        say(f"{slide.path}: {len(found):,} nuclei found ({self.segment})")
        return found


@ihc.command()
@takes_groups
def score(
    cells: Annotated[Path, typer.Argument(help="Cells' log1p expression, as 'past cells' writes it (.h5ad).")],
    out: Annotated[Path, typer.Option(help="Folder to make: scores.csv, and a map of each marker's grades.")],
    where: RegionOptions,
    markers: Annotated[str, typer.Option(help="Names parted by commas: HER2, ER, PR, Ki-67, …, or genes.")] = "HER2",
    marker_table: Annotated[Path | None, typer.Option(help="A .csv of more: marker, gene.")] = None,
) -> None:
    """H-score, share of positive cells and Allred score of markers, from the cells' expression.

    H-score = 1 × % weak + 2 × % moderate + 3 × % strong. Thresholds come with the prediction (quantiles of the training
    cells), or are given. Each score has its 95 % interval over blocks of space.

    Example: past ihc score cells.h5ad --markers HER2,Ki-67 --regions regions.geojson --out ihc
    """
    from past.base.h5ad import read_adata, read_places
    from past.ihc.scores import GRADES, thresholds_of
    from past.ihc.virtual import virtual_ihc
    from past.report.grades import grade_map
    from past.report.plots import png

    require_free(out)
    adata = read_adata(cells)
    names = [name.strip() for name in markers.split(",") if name.strip()]
    levels = thresholds_of(where.thresholds) if where.thresholds else None
    table = virtual_ihc(
        adata, names, thresholds=levels, regions=where.regions, grid_um=where.grid or None, marker_table=marker_table,
        name=str(cells),
    )  # fmt: skip
    _write(out, table)
    coords = read_places(adata, str(cells))
    for name in names:
        words = list(adata.obs[f"{name}_grade"])
        grades = [GRADES.index(word) if word in GRADES else -1 for word in words]
        write_atomically(out / f"{_safe(name)}.png", png(grade_map(coords, _array(grades), name)))
    _say(table)


@ihc.command()
@takes_groups
def measure(
    image: Annotated[Path, typer.Argument(help="A slide or image stained with haematoxylin and DAB.")],
    out: Annotated[Path, typer.Option(help="Folder to make: scores.csv, cells.geojson, called.png.")],
    where: RegionOptions,
    options: NucleiOptions,
    compartment: Annotated[str, typer.Option(help="nucleus; ring: 3 µm around it; or cell: both.")] = "nucleus",
    mpp: Annotated[float | None, typer.Option(help="µm/px, in place of what the file says.")] = None,
) -> None:
    """Score a real stain: optical density of DAB by colour deconvolution in each nucleus, or around it.

    Thresholds are QuPath's, 0.2, 0.4 and 0.6, unless given. cells.geojson opens in QuPath, each cell with its grade.

    Example: past ihc measure her2.tif --nuclei cells.geojson --compartment ring --out measured
    """
    import numpy as np
    import pandas as pd

    from past.cells.geojson import write_geojson
    from past.ihc import regions as regions_of
    from past.ihc.measure import measure as densities
    from past.ihc.scores import GRADES, Thresholds, score_regions, thresholds_of
    from past.slides.slide import open_slide

    require_free(out)
    slide = open_slide(image, mpp)
    nuclei = options.of(slide, "hdab")
    density = densities(slide.levels[0].picture, nuclei, slide.mpp, compartment)
    levels = thresholds_of(where.thresholds) if where.thresholds else Thresholds()
    grades = levels.grades(density)
    asked = [regions_of.whole(len(nuclei))]
    asked += regions_of.drawn(where.regions, nuclei.centres) if where.regions else []
    asked += regions_of.grid(nuclei.centres, slide.mpp, where.grid) if where.grid else []
    table = pd.DataFrame(score_regions(grades, nuclei.centres, asked, image.stem))
    table.insert(0, "marker", "DAB")
    _write(out, table)
    words = tuple(GRADES[grade] if grade >= 0 else "" for grade in grades.tolist())
    write_geojson(out / "cells.geojson", replace(nuclei, types=words), {f"DAB OD {compartment}": density})
    outlines = nuclei.outlines or tuple(centre[None] for centre in nuclei.centres)
    _write_called(out / "called.png", slide, outlines, np.asarray(grades))
    _say(table)


@ihc.command()
@takes_groups
def paint(
    slide: Annotated[Path, typer.Argument(help="The H&E slide.")],
    cells: Annotated[Path, typer.Argument(help="Its cells' log1p expression, as 'past cells' writes it (.h5ad).")],
    out: Annotated[Path, typer.Option(help="An .ome.tiff of the whole slide, or a .png of --box.")],
    options: NucleiOptions,
    marker: Annotated[str, typer.Option(help="HER2, ER, PR, Ki-67, …, or a gene.")] = "HER2",
    box: Annotated[str | None, typer.Option(help="left,top,right,bottom in pixels of level 0.")] = None,
    compartment: Annotated[str, typer.Option(help="nucleus; or cell: with the 4 µm around it.")] = "nucleus",
    thresholds: Annotated[str | None, typer.Option(help="As of 'past ihc score'.")] = None,
    marker_table: Annotated[Path | None, typer.Option(help="A .csv of more markers: marker, gene.")] = None,
    mpp: Annotated[float | None, typer.Option(help="µm/px, in place of what the file says.")] = None,
) -> None:
    """Paint how the cells would stain: haematoxylin of the H&E kept, DAB by each cell's intensity.

    Thresholds fall on optical densities of 0.2, 0.4 and 0.6. It is a drawing of predicted expression, no stain: it
    shows where, and how sure nobody can see.

    Example: past ihc paint slide.svs cells.h5ad --nuclei cells.geojson --marker HER2 --out her2.ome.tiff
    """
    import numpy as np

    from past.base.h5ad import read_adata, rows_of
    from past.base.joins import Rows, join_all
    from past.ihc.markers import read_markers
    from past.ihc.paint import density_of, painter, write_ome_tiff, write_png
    from past.ihc.scores import thresholds_of
    from past.ihc.virtual import intensity_of, judged
    from past.slides.slide import open_slide

    require_free(out)
    if (out.suffix == ".png") != (box is not None) or not out.name.endswith((".png", ".ome.tiff", ".ome.tif")):
        raise ConfigError(f"--out {out}: give an .ome.tiff of the whole slide, or a .png and its --box")
    opened, adata = open_slide(slide, mpp), read_adata(cells)
    levels = thresholds_of(thresholds) if thresholds else None
    intensity, levels = intensity_of(adata, marker, read_markers(marker_table), levels, str(cells))
    density = density_of(intensity, (levels.weak, levels.moderate, levels.strong))
    nuclei = options.of(opened)
    # by place: programs name nuclei by counting, and two files count differently
    own = Rows(str(options.nuclei or slide), None, nuclei.centres)
    wanted = replace(rows_of(adata, str(cells)), names=None)
    rows = join_all(wanted, own, "nucleus", "give the --nuclei that the cells were predicted of")
    painted = np.full(len(nuclei), np.nan)
    painted[rows] = np.where(judged(adata), density, np.nan)
    brush = painter(opened.levels[0].picture, nuclei, painted, opened.mpp, compartment)
    if box is not None:
        write_png(out, brush, _box(box, opened.size))
    else:
        write_ome_tiff(out, brush, opened.mpp, f"virtual {marker}")
    say(f"{out}: {len(rows):,} cells painted by {marker}")


def _box(text: str, size: tuple[int, int]) -> tuple[int, int, int, int]:
    try:
        left, top, right, bottom = map(int, text.split(","))
    except ValueError as error:
        raise ConfigError(f"--box {text}: give left,top,right,bottom in pixels") from error
    if not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise ConfigError(f"--box {text}: is not within the slide's {size[0]:,} × {size[1]:,} px")
    return left, top, right, bottom


def _write_called(path: Path, slide: "Slide", outlines: "tuple[np.ndarray, ...]", grades: "np.ndarray") -> None:
    from past.base.files import atomic_path
    from past.report.grades import called_cells

    factor = max(1, -(-max(slide.size) // WIDEST))
    picture = slide.levels[0].picture.reduce(factor).convert("RGB")
    if max(picture.size) <= WIDEST // 2:  # a small one is enlarged: its outlines would hide it
        picture, shown = picture.resize((picture.width * 2, picture.height * 2)), factor / 2
    else:
        shown = float(factor)
    called_cells(picture, outlines, grades, shown)
    with atomic_path(path) as made:
        picture.save(made)


def _write(out: Path, table: "pd.DataFrame") -> None:
    from past.base.text.tables import frame_as_csv

    write_atomically(out / "scores.csv", frame_as_csv(table))


def _say(table: "pd.DataFrame") -> None:
    for row in (row for row in table.to_dict("records") if row["region"] == "tissue"):
        if row["h_score"] is None or row["h_score"] != row["h_score"]:
            raise DataError(f"{row['marker']}: no cell is judged: all are unlike the training cells")
        ends = "" if row["h_score_low"] is None else f" ({row['h_score_low']:.0f}–{row['h_score_high']:.0f})"
        say(
            f"{row['marker']}: H-score {row['h_score']:.0f}{ends}, {row['positive']:.1f} % of {row['cells']:,} cells "
            f"positive, Allred {row['allred']:.0f}"
        )


def _array(grades: list[int]) -> "np.ndarray":
    import numpy as np

    return np.array(grades)


def _safe(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
