"""What a task folder says: splits, patients, expression by barcode."""

from pathlib import Path

import pytest
from tiny_bench import SPOTS, run, write_task

from past.base.errors import DataError
from past.slides.tiles import PatchFile, write_patches


def test_barcodes_that_are_not_in_the_h5ad_are_counted(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    patches = PatchFile.open(folder / "patches" / "A.h5")
    names = [f"lost-{i}" if i < 4 else name for i, name in enumerate(patches.barcodes)]
    write_patches(patches.path, patches.images(0, SPOTS), patches.coords, names)
    with pytest.raises(DataError, match=r"nothing could run: .*A.h5ad: no counts for 4 of 30 spots of A.h5"):
        run(tmp_path)
