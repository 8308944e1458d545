"""µm/px: which words are believed, in which order, and what is said where none can be."""

from pathlib import Path

import numpy as np
import pytest
from whole_slides import aperio

from past.base.errors import DataError
from past.slides.resolution import Resolution, tiff_resolution, vendor_resolution

tifffile = pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
PIXELS = np.zeros((64, 96, 3), np.uint8)
AT_HALF = {"resolution": (20_000, 20_000), "resolutionunit": "CENTIMETER"}
OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" SizeX="96" {}/></Image></OME>'
)


def said_by(folder: Path, description: str | None = None, **options: object) -> Resolution:
    tifffile.imwrite(
        folder / "a.tif", PIXELS, photometric="rgb", description=description, metadata=None, **options
    )  # fmt: skip
    return tiff_resolution(folder / "a.tif")


@pytest.mark.parametrize(
    ("description", "options", "mpp", "source"),
    [
        (aperio(0.2527), AT_HALF, 0.2527, "Aperio's MPP"),
        (aperio("0,2527"), {}, 0.2527, "Aperio's MPP"),
        (aperio(0), AT_HALF, 0.5, "the TIFF's resolution"),
        (OME.format('PhysicalSizeX="0.25" PhysicalSizeY="0.25"'), AT_HALF, 0.25, "OME's PhysicalSizeX"),
        (OME.format('PhysicalSizeX="2.5e-5" PhysicalSizeXUnit="cm"'), {}, 0.25, "OME's PhysicalSizeX"),
        (OME.format('PhysicalSizeX="250" PhysicalSizeXUnit="nm"'), {}, 0.25, "OME's PhysicalSizeX"),
        (OME.format('PhysicalSizeX="1" PhysicalSizeXUnit="pixel"'), AT_HALF, 0.5, "the TIFF's resolution"),
        (None, AT_HALF, 0.5, "the TIFF's resolution"),
        (None, {"resolution": (50_800, 50_800), "resolutionunit": "INCH"}, 0.5, "the TIFF's resolution"),
    ],
)  # fmt: skip
def test_the_first_words_that_can_be_a_scanners_are_used(
    tmp_path: Path, description: str | None, options: dict, mpp: float, source: str
) -> None:
    found, said = said_by(tmp_path, description, **options).mpp(Path("a.tif"), None)
    assert found == pytest.approx(mpp, rel=1e-6)
    assert said == source


@pytest.mark.parametrize("dpi", [72, 96, 300])
@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER", "NONE"])
def test_a_screens_resolution_is_no_slides(tmp_path: Path, dpi: int, unit: str) -> None:
    said = said_by(tmp_path, resolution=(dpi, dpi), resolutionunit=unit)
    with pytest.raises(DataError, match=r"a\.tif: the file says no µm/px: give it with --mpp$"):
        said.mpp(tmp_path / "a.tif", None)


def test_an_objective_is_offered_and_never_used(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no µm/px: give it with --mpp \(its objective of 40× often means 0\.25\)"):
        said_by(tmp_path, aperio(None, 40)).mpp(tmp_path / "a.tif", None)
    with pytest.raises(DataError, match=r"its objective of 20× often means 0\.5"):
        vendor_resolution({"openslide.objective-power": "20"}).mpp(tmp_path / "a.ndpi", None)


def test_no_scanners_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no µm/px that a scanner gives \(0 × 0 µm/px by Aperio's MPP\): give it"):
        said_by(tmp_path, aperio(0, None)).mpp(tmp_path / "a.tif", None)
    with pytest.raises(DataError, match=r"--mpp 25: give the slide's µm/px, from 0\.05 to 10"):
        Resolution().mpp(tmp_path / "a.tif", 25.0)


def test_pixels_that_are_not_square_are_said_and_their_mean_offered(tmp_path: Path) -> None:
    said = vendor_resolution({"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.26"})
    with pytest.raises(DataError, match=r"0\.25 × 0\.26 µm \(the scanner's words\), .*give --mpp 0\.255, their mean"):
        said.mpp(tmp_path / "a.ndpi", None)
    assert said.mpp(tmp_path / "a.ndpi", 0.255) == (0.255, "given")
    nearly = vendor_resolution({"openslide.mpp-x": "0.25", "openslide.mpp-y": "0.2502"})
    assert nearly.mpp(tmp_path / "a.ndpi", None) == (pytest.approx(0.2501), "the scanner's words")
