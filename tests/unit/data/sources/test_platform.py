"""The gene list of a set whose sections name their genes differently."""

import hashlib
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest

from past.base.errors import DataError
from past.base.genes import match_genes
from past.data.sources.anndata import AnnDataSource
from past.data.sources.platform import SectionOptions, union_of_genes

TP53, KRT8 = "ENSG00000141510", "ENSG00000170421"
PLAIN = {TP53: None, KRT8: None}
VERSIONED = {f"{TP53}.17": None, f"{KRT8}.2": None}
SYMBOLS = {"TP53": TP53, "KRT8": KRT8}


def a_source(path: Path, genes: dict[str, str | None], given: SectionOptions) -> AnnDataSource:
    """Genes' names, each with its id in a column where it has one."""
    var = pd.DataFrame({"gene_ids": list(genes.values())}, pd.Index(list(genes))).dropna(axis="columns")
    adata = anndata.AnnData(np.ones((3, len(genes)), np.float32), var=var)
    adata.write_h5ad(path)
    return AnnDataSource(path, given)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("one", "other", "table"),
    [
        (PLAIN, VERSIONED, False),
        (SYMBOLS, PLAIN, False),
        (SYMBOLS, VERSIONED, False),
        (SYMBOLS, {TP53: TP53, KRT8: KRT8}, False),
        (dict.fromkeys(SYMBOLS), PLAIN, True),
    ],
)
def test_one_gene_is_one_column(
    tmp_path: Path, one: dict[str, str | None], other: dict[str, str | None], table: bool, turned: bool
) -> None:
    (tmp_path / "genes.csv").write_text(f"{TP53},TP53\n{KRT8},KRT8\n")
    given = SectionOptions(gene_tables=(tmp_path / "genes.csv",) if table else ())
    both = (other, one) if turned else (one, other)
    sources = [a_source(tmp_path / f"{i}.h5ad", genes, given) for i, genes in enumerate(both)]
    union = union_of_genes(sources)
    assert len(union) == 2
    for source in sources:
        assert match_genes(source.features(), union, given.synonyms()).tolist() == [0, 1]


def test_what_does_not_match_is_added_in_order(tmp_path: Path) -> None:
    sources = [
        a_source(tmp_path / f"{i}.h5ad", genes, SectionOptions())
        for i, genes in enumerate([dict.fromkeys(["B", "A"]), dict.fromkeys(["C", "A", "D"])])
    ]
    assert union_of_genes(sources) == ("B", "A", "C", "D")


def test_every_section_that_cannot_be_read_is_named_before_a_gene_list_is_made(tmp_path: Path) -> None:
    good = a_source(tmp_path / "good.h5ad", {"A": None}, SectionOptions())
    bad = [AnnDataSource(tmp_path / f"{name}.h5ad", SectionOptions()) for name in ("one", "two")]
    with pytest.raises(DataError) as caught:
        union_of_genes([bad[0], good, bad[1]])
    first, second, cure = str(caught.value).splitlines()
    assert "one.h5ad: no such file" in first
    assert "two.h5ad: no such file" in second
    assert "with --genes FILE the other sections are written without them" in cure


def test_a_sections_origin_is_what_its_files_hold_wherever_they_lie(tmp_path: Path) -> None:
    origins = []
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "he.png").write_bytes(b"picture")
        (tmp_path / folder / "genes.csv").write_text(f"{TP53},TP53\n")
        given = SectionOptions(
            image=tmp_path / folder / "he.png", gene_tables=(tmp_path / folder / "genes.csv",), organ="Breast"
        )
        origins.append(a_source(tmp_path / folder / "S.h5ad", SYMBOLS, given).origin())
    assert origins[0] == origins[1]
    files = ("S.h5ad", "he.png", "genes.csv")
    hashes = [hashlib.sha256((tmp_path / "here" / name).read_bytes()).hexdigest() for name in files]
    assert origins[0] == {"sha256": hashes, "organ": "Breast"}
