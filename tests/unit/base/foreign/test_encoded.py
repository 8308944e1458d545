"""Pictures are opened in one place: of three formats, and only where the memory that decoding takes is there."""

import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from past.base.errors import DataError
from past.base.foreign import encoded
from past.base.foreign.encoded import open_encoded, taken

SIDE = 3_000
KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a.jpg": ("JPEG", "RGB", {}),
    "progressive.jpg": ("JPEG", "RGB", {"progressive": True, "subsampling": 0}),
    "a.png": ("PNG", "RGB", {"compress_level": 1}),
    "palette.png": ("PNG", "P", {"compress_level": 1}),
    "a.webp": ("WEBP", "RGB", {"method": 0}),
    "lossless.webp": ("WEBP", "RGB", {"lossless": True, "method": 0, "quality": 0}),
}
MEASURE = """
import sys
import zlib
from pathlib import Path
from PIL import Image
from past.base.foreign.encoded import open_encoded, taken
from past.base.foreign.picture import read_image
def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
path = Path(sys.argv[1])
with open_encoded(path) as image:
    claimed = taken(image)
before = peak()
image = read_image(path)
print(claimed, peak() - before, image.size[0], image.mode)
"""


@pytest.mark.parametrize("name", KINDS)
def test_what_decoding_takes_is_no_more_than_is_said(tmp_path: Path, name: str) -> None:
    form, mode, options = KINDS[name]
    pixels = np.random.default_rng(0).integers(0, 255, (SIDE // 20, SIDE // 20, 3), dtype=np.uint8)
    image = Image.fromarray(pixels.repeat(20, 0).repeat(20, 1)).convert(mode)
    image.save(tmp_path / name, form, **options)
    found = subprocess.run([sys.executable, "-c", MEASURE, tmp_path / name], capture_output=True, text=True, check=True)
    claimed, took, side, kept = found.stdout.split()
    assert (int(side), kept) == (SIDE, "RGB")
    assert 0.7 * int(claimed) < int(took) + (8 << 20) < int(claimed) + (16 << 20)


def png_of(wide: int, high: int) -> bytes:
    """A picture of one pixel that says to be larger."""
    file = io.BytesIO()
    Image.new("RGB", (1, 1)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = wide.to_bytes(4) + high.to_bytes(4)
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4)
    return bytes(content)


def test_a_bomb_is_refused_by_the_memory_that_it_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    says = r"claims 65,000 × 65,000 px: decoding takes 23\.2 GB, more than 17\.2"
    with pytest.raises(DataError, match=says), open_encoded(io.BytesIO(png_of(65_000, 65_000))):
        pass
    monkeypatch.setattr("past.base.foreign.memory.available_memory", lambda: 1_000_000_000)
    with (
        pytest.raises(
            DataError, match=r"20,000 px: decoding needs 2\.20 GB of memory, and 1\.00 GB are free: write it"
        ),
        open_encoded(io.BytesIO(png_of(20_000, 20_000))),
    ):
        pass
    with open_encoded(io.BytesIO(png_of(10_000, 10_000))) as image:
        assert taken(image) == 550_000_000


@pytest.mark.parametrize("form", ["TIFF", "GIF", "BMP", "PPM"])
def test_other_formats_are_not_opened(form: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, form)
    with pytest.raises(UnidentifiedImageError), open_encoded(file):
        pass
    assert Image.MAX_IMAGE_PIXELS is not None  # as it was, also after an error


def test_every_format_has_its_measure() -> None:
    assert {name.split(",")[0] for name in encoded._TAKES} == set(encoded.FORMATS)
