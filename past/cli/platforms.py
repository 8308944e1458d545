"""`past shards KIND` for every kind of files that others write; a command a platform, its reader in `data/sources`."""

from pathlib import Path
from typing import Annotated

import typer

from past.cli.options import CellOptions, PlatformOptions, in_order, takes_groups
from past.cli.writing import write_files


@takes_groups
def anndata(
    sections: Annotated[list[Path], typer.Argument(help="The sections' .h5ad files.")],
    files: PlatformOptions,
    cells: CellOptions,
) -> None:
    """Shards of sections that lie as AnnData (raw counts, obsm['spatial'] in pixels) beside an H&E image.

    Example: past shards anndata her2st/*.h5ad --out data/her2st
    """
    from past.data.sources.anndata import AnnDataSource

    write_files("anndata", [AnnDataSource(path, given) for path, given in files.of_each(sections)], files, cells)


@takes_groups
def xenium(
    bundles: Annotated[list[Path], typer.Argument(help="Output bundles: the folders that hold experiment.xenium.")],
    files: PlatformOptions,
    cells: CellOptions,
    alignment: Annotated[
        list[Path] | None,
        typer.Option(help="The sections' *he_imagealignment.csv, in their order; else the one in or beside a bundle."),
    ] = None,
) -> None:
    """Shards of Xenium bundles with a registered H&E image (OME-TIFF of any size).

    Example: past shards xenium runs/*/outs --patient P1 --organ breast --out data/xenium --preview
    """
    from past.data.sources.xenium import XeniumSource

    alignments = in_order("--alignment", alignment, bundles)
    sources = [XeniumSource(*pair, matrix) for pair, matrix in zip(files.of_each(bundles), alignments, strict=True)]
    write_files("xenium", sources, files, cells)


@takes_groups
def visium(
    folders: Annotated[list[Path], typer.Argument(help="Space Ranger's outs/ folders.")],
    files: PlatformOptions,
    cells: CellOptions,
    bin_um: Annotated[
        int | None,
        typer.Option("--bin", help="Visium HD: side of the bins in µm (2, 8 or 16)."),
    ] = None,
) -> None:
    """Shards of Visium spots, or of Visium HD's bins, on the full-resolution image.

    Example: past shards visium P1/outs --image P1.tif --patient P1 --organ colon --species human --out data/visium
    """
    from past.data.sources.visium import VisiumSource

    write_files("visium", [VisiumSource(*pair, bin_um) for pair in files.of_each(folders)], files, cells)


@takes_groups
def hest(
    samples: Annotated[
        list[Path], typer.Argument(help="The samples' st/<id>.h5ad; their other folders lie beside st.")
    ],
    files: PlatformOptions,
    cells: CellOptions,
) -> None:
    """Shards of HEST-1k samples: slides (wsis) or patches; Xenium cell by cell where a segmentation lies there.

    Example: past shards hest hest/st/TENX*.h5ad --out data/hest
    """
    from past.data.sources.hest import HestSource

    write_files("hest", [HestSource(*pair) for pair in files.of_each(samples)], files, cells)


@takes_groups
def spatialdata(
    stores: Annotated[list[Path], typer.Argument(help="The .zarr stores.")],
    files: PlatformOptions,
    cells: CellOptions,
    table: Annotated[str | None, typer.Option(help="The table of counts, where a store has several.")] = None,
) -> None:
    """Shards of SpatialData stores, as spatialdata-io writes them.

    Example: past shards spatialdata run1.zarr --patient P1 --organ breast --species human --out data/sdata
    """
    from past.data.sources.spatialdata import SpatialDataSource

    write_files("spatialdata", [SpatialDataSource(*pair, table) for pair in files.of_each(stores)], files, cells)


@takes_groups
def stimage(
    slides: Annotated[list[Path], typer.Argument(help="The slides' gene_exp/<slide>_count.csv.")],
    files: PlatformOptions,
    cells: CellOptions,
) -> None:
    """Shards of STimage-1K4M slides.

    Example: past shards stimage STimage-1K4M/ST/gene_exp/*_count.csv --out data/stimage
    """
    from past.data.sources.stimage import STImageSource

    write_files("stimage", [STImageSource(*pair) for pair in files.of_each(slides)], files, cells)
