"""STimage-1K4M's folders."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from platforms import stained

from past.base.errors import DataError
from past.data.sources.platform import SectionOptions
from past.data.sources.stimage import STImageSource

GENES = ("EPCAM", "KRT8", "MT-CO1")


def a_slide(root: Path, folder: str = "ST") -> tuple[Path, np.ndarray, np.ndarray]:
    """A slide of 20 spots; returns its count table, counts and places."""
    rng = np.random.default_rng(0)
    places = rng.integers(50, 350, (20, 2))
    counts = rng.poisson(2.0, (20, 3)) + 1
    names = [f"{row}x{column}" for row, column in enumerate(range(20))]
    for part in ("gene_exp", "coord", "image"):
        (root / folder / part).mkdir(parents=True)
    (root / "meta").mkdir()
    path = root / folder / "gene_exp" / "Human_Breast_A1_count.csv"
    pd.DataFrame(counts, names, GENES).to_csv(path)
    coord = pd.DataFrame({"yaxis": places[:, 1], "xaxis": places[:, 0], "r": 40.0}, names)
    coord.sample(frac=1, random_state=0).to_csv(root / folder / "coord" / "Human_Breast_A1_coord.csv")
    stained((400, 400), places, radius=10).save(
        root / folder / "image" / "Human_Breast_A1.png", format="JPEG", quality=100
    )
    (root / "meta" / "meta_all_gene.csv").write_text(
        "slide\tspecies\ttissue\ttech\nHuman_Breast_A1\thuman\tbreast\tST\n"
    )
    return path, counts, places


def test_brackets_and_stars_in_names_are_letters(tmp_path: Path) -> None:
    path, _, _ = a_slide(tmp_path / "s[1]*")
    for part, end in (("gene_exp", "_count.csv"), ("coord", "_coord.csv"), ("image", ".png")):
        folder = path.parent.parent / part
        (folder / f"Human_Breast_A1{end}").rename(folder / f"B[12]*{end}")
    for other in ("B1.png", "B2x.png"):  # which a pattern would find
        (path.parent.parent / "image" / other).touch()
    source = STImageSource(path.with_name("B[12]*_count.csv"))
    assert [file.name for file in source.files()] == ["B[12]*_count.csv", "B[12]*_coord.csv", "B[12]*.png"]
    (path.parent.parent / "image" / "B[12]*.png").unlink()
    with pytest.raises(DataError, match=r"image: no image of the slide \(B\[12\]\*\.\*\) there: give it with --image$"):
        source.files()


def test_a_slide_is_read_by_its_folders(tmp_path: Path) -> None:
    path, counts, places = a_slide(tmp_path)
    source = STImageSource(path)
    assert (source.name, source.genes()) == ("Human_Breast_A1", GENES)
    tissue = source.open(("KRT8", "EPCAM"))
    tissue.check()
    np.testing.assert_allclose(tissue.centres, places)
    np.testing.assert_array_equal(tissue.counts.toarray(), counts[:, [1, 0]])
    assert tissue.mpp == 100 / 80
    assert tissue.facts["genes_unmapped"] == ["MT-CO1"]
    section = tissue.section
    assert (section.technology, section.species, section.organ) == ("Spatial Transcriptomics", "Homo sapiens", "breast")


def test_visium_hd_needs_the_scale_and_a_slide_its_name(tmp_path: Path) -> None:
    path, _, _ = a_slide(tmp_path, "VisiumHD")
    with pytest.raises(DataError, match=r"spots of Visium HD .*--image-mpp"):
        STImageSource(path).open(GENES)
    assert STImageSource(path, SectionOptions(image_mpp=0.5)).open(GENES).mpp == 0.5
    with pytest.raises(DataError, match="give the slide's gene_exp"):
        STImageSource(tmp_path / "x.csv").name  # noqa: B018


def test_bad_tables_are_one_sentence(tmp_path: Path) -> None:
    path, _, _ = a_slide(tmp_path)
    whole = path.read_text()
    cut = whole.rstrip().rsplit(",", 1)[0]
    path.write_text(f"{cut},0.6931\n")
    with pytest.raises(DataError, match=r"holds 0\.6931"):
        STImageSource(path).open(GENES)
    path.write_text(whole.splitlines()[0] + "\n")
    with pytest.raises(DataError, match="no rows"):
        STImageSource(path).open(GENES)
    path.write_text(whole + "99x99,1,1,1\n")
    with pytest.raises(DataError, match=r"1 of its 21 cells are not in Human_Breast_A1_coord.csv"):
        STImageSource(path).open(GENES)
    path.write_text(f"{cut},one\n")
    with pytest.raises(DataError, match="not a table of counts"):
        STImageSource(path).open(GENES)


def test_other_metadata_is_another_section(tmp_path: Path) -> None:
    path, _, _ = a_slide(tmp_path)
    before = STImageSource(path).origin()
    assert STImageSource(path).origin() == before
    meta = tmp_path / "meta" / "meta_all_gene.csv"
    meta.write_text(meta.read_text().replace("breast", "brain"))
    assert STImageSource(path).origin() != before
