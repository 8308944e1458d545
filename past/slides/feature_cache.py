"""Features of patch files, kept on disk: written batch by batch, resumed at the spot where an interruption cut them."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from past.base.disk.locks import remove_abandoned
from past.base.errors import DataError
from past.base.files import continued_file
from past.base.text.words import as_typed
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.tiles import PatchFile


@dataclass(frozen=True)
class TileChange:
    """What is done to (b, H, W, 3) uint8 tiles before an encoder sees them; `name` says it with all its settings."""

    name: str
    apply: Callable[[np.ndarray], np.ndarray]


class FeatureCache:
    """One `.npy` file per patch file and encoder.

    Its name is the hash of the encoder's weights, architecture, transform and precision, of what is done to the tiles,
    and of the patch file's bytes. A `.npy` is complete; one in the making ends in `.part`, and is resumed between two
    batches, so that the last digits do not depend on where an interruption fell.

    Args:
        folder: where the files lie; runs and tasks may share it.
        batch_size: tiles at a time.
    """

    def __init__(self, folder: Path, batch_size: int = 128) -> None:
        self.folder = folder
        self.batch_size = batch_size

    def features(
        self, encoder: FrozenEncoder, patches: PatchFile, title: str, change: TileChange | None = None
    ) -> np.ndarray:
        """Return (n, width) features of a patch file's tiles, from the cache or made now.

        Args:
            encoder: makes them.
            patches: the tiles.
            title: what the progress bar calls them.
            change: what is done to the tiles first.

        Raises:
            DataError: tiles that cannot be read, or features that are not finite.
        """
        facts = (encoder.fingerprint, change.name if change else "", patches.sha256)
        path = self.folder / f"{hashlib.sha256('|'.join(facts).encode()).hexdigest()[:32]}.npy"
        if not path.is_file():
            part = path.with_suffix(f".{self.batch_size}.part")
            with continued_file(part) as (part, file):
                if not path.is_file():  # another process may have made it while this one waited
                    self._make(file, encoder, patches, title, change)
                    part.replace(path)
            remove_abandoned(self.folder.glob(f"{path.stem}.*.part"))  # of other sizes of batches
        return np.load(path, allow_pickle=False)

    def _make(
        self, file: BinaryIO, encoder: FrozenEncoder, patches: PatchFile, title: str, change: TileChange | None
    ) -> None:
        """Fill `file` up to the last tile, from the last whole batch in it."""
        done, end = _progress(file, len(patches), self.batch_size)
        file.seek(end)
        file.truncate()
        with _bar(title, len(patches), done) as advance:
            for start in range(done, len(patches), self.batch_size):
                tiles = patches.images(start, min(start + self.batch_size, len(patches)))
                found = encoder(change.apply(tiles) if change else tiles)
                if not np.isfinite(found).all():
                    raise DataError(
                        f"{patches.path}: features of tiles {start}–{start + len(found) - 1} are not finite: "
                        "are the weights whole? precision=fp32 has more range than fp16"
                    )
                if start == 0:
                    shape = (len(patches), found.shape[1])
                    header = {"descr": npy.dtype_to_descr(found.dtype), "fortran_order": False, "shape": shape}
                    npy.write_array_header_1_0(file, header)
                file.write(found.tobytes())
                file.flush()
                os.fsync(file.fileno())
                advance(len(found))


def _progress(file: BinaryIO, tiles: int, batch_size: int) -> tuple[int, int]:
    """Return how many tiles of whole batches `file` holds, and the byte after them."""
    file.seek(0)
    try:
        npy.read_magic(file)
        (_, width), _, dtype = npy.read_array_header_1_0(file)
    except ValueError:
        return 0, 0
    begin, row = file.tell(), width * dtype.itemsize
    done = (os.fstat(file.fileno()).st_size - begin) // row
    if done < tiles:
        done -= done % batch_size
    return done, begin + done * row


@contextmanager
def _bar(title: str, tiles: int, done: int) -> Iterator[Callable[[int], None]]:
    """Show how many tiles are done, on a terminal; yield what to call with every batch's size."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(as_typed(title), total=tiles, completed=done)
        yield lambda tiles: progress.advance(task, tiles)
