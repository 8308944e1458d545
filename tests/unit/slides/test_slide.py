"""Slides as scanners and programs leave them: each gives its pixels and its µm/px, or one true sentence."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from platforms import write_ome_tiff
from whole_slides import damage, section, write_svs

from past.base.errors import DataError
from past.base.foreign.tiff import open_tiff
from past.base.pictures import TiledPicture
from past.slides.slide import fingerprint, open_again, open_slide, slide_of_pixels

tifffile = pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
PIXELS = section(600, 400)


def test_a_slide_of_a_scanner_has_its_levels_and_scale(tmp_path: Path) -> None:
    slide = open_slide(write_svs(tmp_path / "a b'c#é.svs", PIXELS))
    assert (slide.size, slide.mpp, slide.mpp_source, slide.reader) == ((600, 400), 0.25, "Aperio's MPP", "tifffile")
    assert [level.factor for level in slide.levels] == [1.0, 2.0, 4.0]
    expected = Image.fromarray(PIXELS).reduce(2).crop((100, 50, 164, 114))
    np.testing.assert_array_equal(slide.tile(264, 164, 64, 0.5), np.asarray(expected))
    small, step = slide.overview
    assert (small.shape, step) == ((13, 19, 3), 32)
    assert open_slide(slide.path, mpp=0.5).mpp_source == "given"


def test_levels_that_are_not_marked_count_where_their_aspect_is_the_slides(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    options = {"photometric": "rgb", "tile": (64, 64), "metadata": None}
    with tifffile.TiffWriter(path) as file:
        for pixels in (PIXELS, PIXELS[::8, ::8].copy(), PIXELS[:150, :100].copy(), PIXELS[:100, :150, 0].copy()):
            kind = options if pixels.ndim == 3 else options | {"photometric": "minisblack"}
            file.write(pixels, subfiletype=0, **kind)
    assert [level.factor for level in open_slide(path, mpp=0.5).levels] == [1.0, 8.0]


def test_pictures_without_a_pyramid_are_read_and_want_their_scale(tmp_path: Path) -> None:
    for name, options in (("a.png", {}), ("a.jpg", {"quality": 98, "dpi": (72, 72)})):
        Image.fromarray(PIXELS).save(tmp_path / name, **options)
        with pytest.raises(DataError, match=rf"{name}: the file says no µm/px: give it with --mpp"):
            open_slide(tmp_path / name)
        tile = open_slide(tmp_path / name, mpp=0.5).tile(132, 132, 64, 0.5).astype(int)
        assert abs(tile - PIXELS[100:164, 100:164]).mean() < 5
    with pytest.raises(DataError, match="no such slide"):
        open_slide(tmp_path / "none.svs")


@pytest.mark.parametrize("stored", [3, 6, 8])
def test_a_turned_slide_is_read_as_it_is_seen(tmp_path: Path, stored: int, caplog: pytest.LogCaptureFixture) -> None:
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    kept = np.asarray(Image.fromarray(PIXELS).transpose(back[stored]))
    slide = open_slide(write_svs(tmp_path / "a.svs", kept, extratags=[(274, "H", 1, stored, True)]))
    assert (slide.size, slide.stored) == ((600, 400), stored)
    assert f"stored turned (orientation {stored})" in caplog.text
    expected = Image.fromarray(PIXELS).reduce(2).crop((100, 50, 164, 114))
    np.testing.assert_array_equal(slide.tile(264, 164, 64, 0.5), np.asarray(expected))


def test_tiles_that_were_never_written_are_white(tmp_path: Path) -> None:
    path = tmp_path / "sparse.tif"
    tiles = [PIXELS[:64, :64] if i == 0 else None for i in range(4)]
    with tifffile.TiffWriter(path) as file:
        file.write(iter(tiles), shape=(128, 128, 3), dtype=np.uint8, tile=(64, 64), photometric="rgb")
    slide = open_slide(path, mpp=0.5)
    assert (slide.tile(96, 96, 64, 0.5) == 255).all()
    np.testing.assert_array_equal(slide.tile(32, 32, 64, 0.5), PIXELS[:64, :64])


@pytest.mark.parametrize("compression", ["zlib", "jpeg", None])
def test_a_slide_that_is_cut_off_gives_what_is_there_and_names_the_tile_that_is_not(
    tmp_path: Path, compression: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Also the tile at the cut, of which a decoder would make up the rest."""
    path = write_svs(tmp_path / "a.svs", PIXELS, factors=(1,), compression=compression)
    content = path.read_bytes()
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        place, length = page.dataoffsets[34], page.databytecounts[34]
    whole = open_slide(path)
    path.write_bytes(content[: place + length // 2])
    with caplog.at_level(logging.WARNING):
        slide = open_slide(path)
    assert "36 of 70 tiles, and maybe its lower resolutions, lie beyond: copy it again" in caplog.text
    np.testing.assert_array_equal(slide.tile(32, 32, 64, 0.25), whole.tile(32, 32, 64, 0.25))
    with pytest.raises(
        DataError, match=r"cut off in its tile at 256, 192 px \(row 3, column 4\) \([\d,]+ of its [\d,]+ b"
    ):
        slide.tile(288, 224, 64, 0.25)


def test_an_overview_is_there_where_tiles_are_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_svs(tmp_path / "a.svs", PIXELS, factors=(1,))
    whole = open_slide(path).overview[0]
    damage(path, 3, 4)
    slide = open_slide(path)
    with caplog.at_level(logging.WARNING):
        small, step = slide.overview
    assert "1 of its stored tiles cannot be read and count as glass where tissue is looked for" in caplog.text
    row, column = 3 * 64 // step, 4 * 64 // step
    assert (small[row : row + 2, column : column + 2] == 255).all()
    assert (small == whole).all(axis=2).sum() >= small[..., 0].size - 4
    with pytest.raises(DataError, match="cut off in its tile at 256, 192 px"):
        slide.tile(288, 224, 64, 0.25)


@pytest.mark.parametrize(
    ("pixels", "options", "says"),
    [
        (PIXELS[..., 0], {"photometric": "palette", "colormap": np.zeros((3, 256), np.uint16)}, "palette colours"),
        (np.dstack([PIXELS, PIXELS[..., :1]]), {"photometric": "separated"}, "CMYK colours.*vips colourspace"),
        (np.dstack([PIXELS, PIXELS[..., :1]]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, "RGBA.*alpha"),
        (PIXELS, {"photometric": "cielab"}, "CIELAB colours"),
        (PIXELS[..., 0], {"photometric": "minisblack"}, "1 grey channels .*fluorescence"),
        (PIXELS.astype(np.uint16), {"photometric": "rgb"}, "uint16 pixels .*8 bits a channel"),
        (np.moveaxis(PIXELS, -1, 0).copy(), {"photometric": "minisblack"}, "channel-first"),
        (np.moveaxis(PIXELS, -1, 0).copy(), {"photometric": "rgb", "planarconfig": "separate"}, "channel-first"),
        (np.stack([PIXELS, PIXELS]), {"photometric": "rgb", "metadata": {"axes": "ZYXS"}}, "2 focal planes"),
    ],
)  # fmt: skip
def test_pixels_that_are_no_rgb_of_8_bits_are_refused_by_their_true_cause(
    tmp_path: Path, pixels: np.ndarray, options: dict, says: str
) -> None:
    write_ome_tiff(tmp_path / "a.ome.tif", pixels, tile=(64, 64), **options)
    with pytest.raises(DataError, match=rf"a\.ome\.tif: .*{says}"):
        open_slide(tmp_path / "a.ome.tif", mpp=0.5)


@pytest.mark.parametrize(("compression", "mode"), [(33003, "YCbCr"), (33005, "RGB")])
def test_jpeg_2000_of_a_scanner_is_read_in_its_own_colours(tmp_path: Path, compression: int, mode: str) -> None:
    stored = np.asarray(Image.fromarray(PIXELS).convert(mode))
    arguments = {"level": 0, "mct": False, "codecformat": "j2k"}  # lossless
    options = {"factors": (1,), "compression": compression, "compressionargs": arguments}
    path = write_svs(tmp_path / "a.svs", stored, **options)
    tile = open_slide(path).tile(232, 232, 64, 0.25).astype(int)
    assert abs(tile - PIXELS[200:264, 200:264]).max() <= 3  # YCbCr is rounded


def test_the_fingerprint_is_of_the_bytes(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "a.svs", PIXELS)
    first = fingerprint(path)
    path.rename(tmp_path / "b.svs")
    assert fingerprint(tmp_path / "b.svs") == first
    content = bytearray((tmp_path / "b.svs").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "b.svs").write_bytes(content)
    assert fingerprint(tmp_path / "b.svs") != first
    (tmp_path / "m").mkdir()
    (tmp_path / "m.mrxs").write_bytes(b"x")
    mirax = fingerprint(tmp_path / "m.mrxs")
    (tmp_path / "m" / "Data0.dat").write_bytes(b"y")
    assert fingerprint(tmp_path / "m.mrxs") != mirax


def test_an_image_file_that_is_open_is_the_one_of_the_sources(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "a.svs", PIXELS)
    picture = open_tiff(path)
    assert picture.size == open_slide(path).size
    assert [level.size for level in picture.smaller] == [(300, 200), (150, 100)]


def test_pixels_that_another_reader_opened_are_a_slide_with_a_cache_a_thread(tmp_path: Path) -> None:
    pixels = section(256, 192)
    picture = TiledPicture((256, 192), (64, 64), lambda row, column: pixels[row * 64 :, column * 64 :][:64, :64])
    slide = slide_of_pixels(tmp_path, picture, 0.5)
    again = open_again(slide)
    assert again.levels[0].picture is not picture
    np.testing.assert_array_equal(again.tile(100, 100, 32, 0.5), slide.tile(100, 100, 32, 0.5))
    (tmp_path / "chunk").write_bytes(b"a")
    first = fingerprint(tmp_path)
    (tmp_path / "chunk").write_bytes(b"b")
    assert fingerprint(tmp_path) != first
