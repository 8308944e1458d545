"""The page of a prediction: readable without a network, of the genes that vary most, honest about what was left out."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from PIL import Image

from past.base.errors import DataError
from past.evaluation.statistics.pearson import gene_pearson
from past.report.prediction import read_prediction, write_maps, write_prediction_page


def written(path: Path, genes: int = 20, with_picture: bool = True) -> Path:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, genes)).astype(np.float32) * np.arange(1, genes + 1, dtype=np.float32)
    adata = AnnData(values, var=pd.DataFrame(index=[f"G{i}" for i in range(genes)]))
    adata.obsm["spatial"] = np.argwhere(np.ones((6, 5))) * 448.0 + 224
    adata.uns["past"] = {"method": "STPath, zero-shot", "organ": "<b>"}
    adata.uns["slide"] = {"slide": "a.svs", "skipped": 2}
    if with_picture:
        factors = {"tissue_hires_scalef": 0.02, "spot_diameter_fullres": 448.0}
        images = {"hires": np.full((54, 64, 3), 230, np.uint8)}
        adata.uns["spatial"] = {"a": {"images": images, "scalefactors": factors}}
    adata.write_h5ad(path)
    return path


def test_the_page_is_whole_in_one_file(tmp_path: Path) -> None:
    page = write_prediction_page(written(tmp_path / "pred.h5ad"), gene_pearson)
    assert page == tmp_path / "pred.html"
    text = page.read_text()
    assert re.findall(r"<h2>(.*?)</h2>", text) == ["Slide", "Expression over the tissue", "How it was made"]
    assert "30 tiles × 20 genes. 2 tiles could not be read and were left out." in text
    assert "the 12 that vary most of 20" in text
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert not re.search(r"(src|href)=\"(?!data:)|https?://|@import|<script", text)


def test_the_most_varying_genes_or_those_asked_for_are_drawn(tmp_path: Path) -> None:
    path = written(tmp_path / "pred.h5ad")
    assert set(read_prediction(path).genes) >= {"G19", "G18"}
    asked = read_prediction(path, ["G3"])
    assert (asked.genes, asked.values.shape, asked.side, asked.factor) == (["G3"], (30, 1), 448.0, 0.02)
    with pytest.raises(DataError, match="G99 not predicted: ask for genes of its 20"):
        read_prediction(path, ["G99"])


def test_spots_without_a_slide_have_a_page_too(tmp_path: Path) -> None:
    assert write_prediction_page(written(tmp_path / "pred.h5ad", genes=2, with_picture=False), gene_pearson).is_file()


def test_what_is_no_prediction_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such prediction"):
        read_prediction(tmp_path / "none.h5ad")
    AnnData(np.ones((2, 2), np.float32)).write_h5ad(tmp_path / "other.h5ad")
    with pytest.raises(DataError, match=r"no uns\['past'\], so no prediction of ours"):
        read_prediction(tmp_path / "other.h5ad")


def test_a_gene_has_a_picture(tmp_path: Path) -> None:
    path = written(tmp_path / "pred.h5ad", genes=2)
    assert [made.name for made in write_maps(path, tmp_path / "maps", gene_pearson)] == ["pred_G0.png", "pred_G1.png"]
    for made in (tmp_path / "maps").iterdir():
        with Image.open(made) as image:
            assert min(image.size) > 200
