"""Features of a whole slide: written block by block, gone on with where a killed process stopped, kept as an .h5.

While it is made, `<name>.part` holds a line of JSON, which says of what it is made, and the features as plain rows; a
row of NaN is a tile that could not be read. The .h5 is written from it, whole or not at all.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np

from past.base.disk.hdf5 import new_hdf5
from past.base.disk.locks import remove_abandoned
from past.base.errors import ConfigError, DataError, reading
from past.base.files import continued_file
from past.base.foreign.hdf5 import open_hdf5
from past.slides.slide import Slide, open_again
from past.slides.tile_reader import TileBatch, read_batches
from past.slides.tiling import TileGrid

if TYPE_CHECKING:
    from past.slides.frozen_encoder import FrozenEncoder  # torch takes seconds to import

log = logging.getLogger(__name__)

MADE: Final = "past"  # attribute of the .h5 that says of what it is made
MARK: Final = "encoder_mark"  # attribute of the .h5
NAMED: Final = 3  # tiles that cannot be read and are named one by one
_COPIED: Final = 1 << 24  # bytes of features that are copied at once
Facts = dict[str, Any]
Report = Callable[[str, int, int], None]  # name, tiles done, tiles in all


@dataclass(frozen=True)
class Embedded:
    """A slide whose features are there.

    Attributes:
        path: the .h5.
        tiles: with features.
        skipped: tiles that could not be read.
        made: by this call, or found.
    """

    path: Path
    tiles: int
    skipped: int
    made: bool


def finished(path: Path, facts: Facts) -> Embedded | None:
    """Return what is known of features that are there; None: there are none.

    Raises:
        ConfigError: they are of something else, which is named.
        DataError: no features of ours.
    """
    if not path.is_file():
        return None
    with open_hdf5(path) as file, reading(path, "not features that 'past embed' made", "give another --out"):
        said: Any = file.attrs[MADE]
        tiles: Any = file["features"]
        skipped: Any = file["skipped"]
        require_same(path, json.loads(said), facts)
        remove_abandoned([_part(path)])  # of a process that was killed at its very end
        return Embedded(path, len(tiles), len(skipped), made=False)


def mark_in(path: Path) -> str | None:
    """Return the mark of the encoder that made features (see `past.slides.encoder_files`); None: no word of it."""
    if not path.is_file():
        return None
    with open_hdf5(path) as file, reading(path, "not features that 'past embed' made", "give another --out"):
        mark: Any = file.attrs.get(MARK)
        return None if mark is None else str(mark)


def embed_slide(
    path: Path,
    slide: Slide,
    grid: TileGrid,
    encoder: "FrozenEncoder",
    facts: Facts,
    *,
    mark: str | None = None,
    batch_size: int = 128,
    workers: int = 2,
    skip: bool = False,
    wait: bool = True,
    report: Report = lambda *_: None,
) -> Embedded:
    """Write the features of a slide's tiles, or go on writing them.

    Args:
        path: the .h5.
        slide: open.
        grid: its tiles.
        encoder: makes the features.
        facts: of what they are made; where an earlier call began with others, nothing is written.
        mark: by which the encoder is known again before it is loaded.
        batch_size: tiles at a time; the last digits depend on it.
        workers: threads that read and decode.
        skip: leave tiles that cannot be read out, in place of ending there.
        wait: for another process that writes the same file.
        report: called as it goes on.

    Raises:
        BlockingIOError: another process is at it, and `wait` is false.
        ConfigError: begun with other facts.
        DataError: a tile that cannot be read, or features that are not finite.
        NoSpaceError: the disk is full.
    """
    width, grid_hash = encoder.width(grid.px), hashlib.sha256(grid.corners.tobytes()).hexdigest()[:16]
    begun = facts | {"batch": batch_size, "tiles": len(grid), "grid": grid_hash, "width": width}
    with continued_file(_part(path), wait) as (part, file):
        there = finished(path, facts)  # another process may have made it while this one waited
        if there is not None:
            part.unlink(missing_ok=True)  # made while this one waited: nothing is begun in it
            return there
        start, done = _progress(part, file, begun, width * encoder.dtype.itemsize)
        report(path.stem, done, len(grid))
        for batch in read_batches(lambda: open_again(slide), grid, done, batch_size, workers):
            file.write(_features(path, encoder, batch, width, skip).tobytes())
            file.flush()
            os.fsync(file.fileno())
            report(path.stem, batch.stop, len(grid))
        rows = np.memmap(part, encoder.dtype, "r", start, (len(grid), width))
        made = _write(path, slide, grid, rows, facts, mark, skip)
        part.unlink()
    return made


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _progress(part: Path, file: BinaryIO, facts: Facts, row: int) -> tuple[int, int]:
    """Return the byte after the first line, and how many tiles of whole batches follow; what is torn is cut off."""
    line = json.dumps(facts, sort_keys=True).encode()
    line += b" " * (-(len(line) + 1) % 64) + b"\n"  # numbers after it lie as memory maps want them
    file.seek(0)
    found = file.readline(1 << 16)
    if not found.endswith(b"\n"):  # new, or killed within it
        file.truncate(0)
        file.write(line)
        return len(line), 0
    with reading(part, "not begun by 'past embed', or damaged", "remove it"):
        said = json.loads(found)
    require_same(part, said, facts)
    done = (os.fstat(file.fileno()).st_size - len(found)) // row
    if done < facts["tiles"]:
        done -= done % facts["batch"]
    file.truncate(len(found) + done * row)
    return len(found), done


def require_same(path: Path, found: Mapping[str, Any], wanted: Facts) -> None:
    """Raise ConfigError naming what features were made of, where it is not what is wanted."""
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ConfigError(
                f"{path}: was made with another {name} ({found.get(name)!s:.40}, now {value!s:.40}): "
                "give another --out, or remove it first"
            )


def _features(path: Path, encoder: "FrozenEncoder", batch: TileBatch, width: int, skip: bool) -> np.ndarray:
    """Return the features (stop - start, width) of a batch, NaN where a tile could not be read."""
    if batch.faults and not skip:
        raise DataError(f"{batch.faults[0]}; or leave such tiles out with --on-error skip")
    for fault in batch.faults[:NAMED]:
        log.warning("left out: %s", fault)
    rows = np.full((len(batch.read), width), np.nan, encoder.dtype)
    if len(batch.tiles):
        found = encoder(batch.tiles)
        if not np.isfinite(found).all():
            raise DataError(
                f"{path}: features of tiles {batch.start}–{batch.stop - 1} are not finite: "
                "are the weights whole? precision=fp32 has more range than fp16"
            )
        rows[batch.read] = found
    return rows


def _write(
    path: Path, slide: Slide, grid: TileGrid, rows: np.ndarray, facts: Facts, mark: str | None, skip: bool
) -> Embedded:
    """Write the .h5 from the rows (n, width) on disk, a block at a time."""
    kept = ~np.isnan(rows[:, 0])
    lost = int((~kept).sum())
    if lost and not skip:
        raise DataError(f"{path}: {lost} tiles were left out when it was begun: --on-error skip goes on so")
    if lost == len(grid):
        raise DataError(f"{slide.path}: none of its {lost} tiles can be read: copy it again")
    tile_ids = np.flatnonzero(kept)
    about = {
        "patch_size": grid.px,
        "patch_size_level0": grid.side,
        "level0_magnification": round(10 / slide.mpp),
        "target_magnification": round(10 / grid.mpp),
        "overlap": 0,
        "name": path.stem,
        "savetodir": "",
        "level0_width": slide.size[0],
        "level0_height": slide.size[1],
    }
    at_once = max(1, _COPIED // (rows.shape[1] * rows.itemsize))
    with new_hdf5(path) as file:
        features = file.create_dataset("features", (len(tile_ids), rows.shape[1]), rows.dtype)
        for start in range(0, len(tile_ids), at_once):
            features[start : start + at_once] = rows[tile_ids[start : start + at_once]]
        coords = file.create_dataset("coords", data=grid.corners[kept])
        coords.attrs.update(about)
        file.create_dataset("tile_id", data=tile_ids)
        file.create_dataset("skipped", data=grid.corners[~kept])
        file.attrs[MADE] = json.dumps(facts, sort_keys=True)
        if mark is not None:
            file.attrs[MARK] = mark
        file.attrs["slide"] = json.dumps({"mpp": slide.mpp, "mpp_source": slide.mpp_source, "reader": slide.reader})
    return Embedded(path, len(tile_ids), lost, made=True)
