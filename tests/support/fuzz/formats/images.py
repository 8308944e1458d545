"""H&E images, opened as a section's."""

from io import BytesIO
from pathlib import Path

import numpy as np

from fuzz import pictures
from fuzz.case import Contents, Format
from past.base.crops import cut_crop
from past.base.foreign.picture import open_picture
from past.data.sources.images import overview

PIXELS = np.random.default_rng(0).integers(0, 255, (96, 128, 3), dtype=np.uint8)
KINDS = {
    "jpeg": ("jpeg", {"photometric": "ycbcr"}),
    "deflate": ("zlib", {"predictor": True}),
    "lzw": ("lzw", {}),
    "zstd": ("zstd", {}),
    "jpeg2000": ("jpeg2000", {}),
    "plain": (None, {}),
}


def _pictures() -> Contents:
    return {
        "a.jpg": pictures.encoded("JPEG", PIXELS),
        "b.jpg": pictures.encoded("JPEG", PIXELS, progressive=True),
        "c.png": pictures.encoded("PNG", PIXELS),
        "d.webp": pictures.encoded("WEBP", PIXELS),
        "e.webp": pictures.encoded("WEBP", PIXELS, lossless=True),
    }


def _tiffs() -> Contents:
    import tifffile

    made = {}
    for name, (compression, options) in KINDS.items():
        file = BytesIO()
        with tifffile.TiffWriter(file) as writer:
            settings = {"photometric": "rgb", **options, "compression": compression}
            writer.write(PIXELS, tile=(32, 48), subifds=1, **settings)
            writer.write(PIXELS[::2, ::2], tile=(32, 48), subfiletype=1, **settings)
        made[f"{name}.tif"] = file.getvalue()
    file = BytesIO()
    tifffile.imwrite(file, PIXELS, photometric="rgb", rowsperstrip=16, ome=True)
    made["strips.ome.tif"] = file.getvalue()
    return made


def read_all(folder: Path) -> None:
    """Open every image, cut a crop, and make them smaller."""
    for path in sorted(folder.iterdir()):
        picture = open_picture(path)
        cut_crop(picture, 40, 30, 32)
        cut_crop(picture, 100, 80, 24, 1.7)
        if max(picture.size) < 20_000:
            overview(picture, 4.0)


FORMATS = {
    "picture": Format(_pictures, read_all, {key: [pictures.picture_of] for key in _pictures()}, 800, alone=True),
    "tiff": Format(_tiffs, read_all, {key: [pictures.tiff_of] for key in _tiffs()}, 1_200, alone=True),
}
