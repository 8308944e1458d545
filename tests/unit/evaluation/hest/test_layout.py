"""What a task folder says: splits, patients, expression by barcode."""

from pathlib import Path

import pytest
from tiny_bench import SPOTS, run, write_split, write_task

from past.base.errors import DataError
from past.evaluation.hest.layout import read_task
from past.slides.tiles import PatchFile, write_patches


def test_barcodes_that_are_not_in_the_h5ad_are_counted(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    patches = PatchFile.open(folder / "patches" / "A.h5")
    names = [f"lost-{i}" if i < 4 else name for i, name in enumerate(patches.barcodes)]
    write_patches(patches.path, patches.images(0, SPOTS), patches.coords, names)
    with pytest.raises(DataError, match=r"nothing could run: .*A.h5ad: no counts for 4 of 30 spots of A.h5"):
        run(tmp_path)


@pytest.mark.parametrize(
    "row",
    [
        "A,../../private.h5,adata/A.h5ad", "A,patches/A.h5,/private/A.h5ad", "A,patches/../../B.h5,adata/A.h5ad",
        "../A,patches/A.h5,adata/A.h5ad", "/A,patches/A.h5,adata/A.h5ad", "..,patches/A.h5,adata/A.h5ad",
    ],
)  # fmt: skip
def test_a_split_names_nothing_outside_its_tasks_folder(tmp_path: Path, row: str) -> None:
    folder = write_task(tmp_path)
    path = folder / "splits" / "test_0.csv"
    path.write_text(f"sample_id,patches_path,expr_path\n{row}\n")
    with pytest.raises(DataError, match=rf"^{path}: \w+ '[^']*' leaves the task's folder: a sample has a plain name"):
        read_task(folder)


def test_a_tasks_files_may_be_links(tmp_path: Path) -> None:
    folder = write_task(tmp_path)  # as a download cache lays them out
    (folder / "patches").rename(tmp_path / "elsewhere")
    (folder / "patches").symlink_to(tmp_path / "elsewhere")
    write_split(folder, "test_0", ["A"])
    assert read_task(folder).folds[0].test[0].patches.is_file()
