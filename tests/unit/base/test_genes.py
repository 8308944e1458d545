"""Genes by symbol or Ensembl id, with or without version, of man or mouse."""

import gzip
import hashlib
from pathlib import Path

import pytest

from past.base.errors import DataError
from past.base.genes import gene_hash, gene_map, is_gene, match_genes, read_synonyms, unversioned

FEATURES = [("EPCAM", "ENSG00000119888.11"), ("Nefl", "ENSMUSG00000022055"), ("NEW1", "ENSG00000000001")]


def test_symbols_and_ids_with_and_without_version() -> None:
    assert match_genes(FEATURES, ("KRT8", "EPCAM")).tolist() == [1, -1, -1]
    assert match_genes(FEATURES, ("ENSMUSG00000022055.4", "ENSG00000119888")).tolist() == [1, 0, -1]
    assert match_genes([("ENSG00000119888.3",)], ("ENSG00000119888.11",)).tolist() == [0]
    assert match_genes([("NEFL",)], ("Nefl",)).tolist() == [-1]
    assert match_genes([("GENE.1",)], ("GENE",)).tolist() == [-1]


def test_a_table_leads_from_symbols_to_ids_and_back(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv.gz"
    with gzip.open(path, "wt") as file:
        file.write("ENSG00000119888.11\tEPCAM\tGene Expression\nENSG00000109956\tNefl\n")
    synonyms = read_synonyms(path)
    ids = ("ENSG00000109956", "ENSG00000119888")
    assert match_genes([("EPCAM",), ("Nefl",), ("KRT8",)], ids, synonyms).tolist() == [1, 0, -1]
    assert match_genes([("ENSG00000119888.2",)], ("EPCAM",), synonyms).tolist() == [0]


def test_a_features_own_name_wins_over_its_synonyms() -> None:
    synonyms = {"A": {"B"}, "B": {"A"}}
    assert match_genes([("B",)], ("A", "B"), synonyms).tolist() == [1]


def test_bad_tables_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("ENSG00000119888\n")
    with pytest.raises(DataError, match="has one column; wanted an Ensembl id and a symbol"):
        read_synonyms(tmp_path / "one.csv")
    (tmp_path / "latin.csv").write_bytes("ENSG00000119888,é\n".encode("latin-1"))
    with gzip.open(tmp_path / "latin.csv.gz", "wb") as file:
        file.write(b"ENSG00000119888,\xff\xfe\n")
    for name in ("latin.csv", "latin.csv.gz"):
        with pytest.raises(
            DataError, match=rf"{name}: not a gene table, or cut off \([^\n]*utf-8[^\n]*\): copy it again$"
        ):
            read_synonyms(tmp_path / name)
    with pytest.raises(DataError, match="no such gene table"):
        read_synonyms(tmp_path / "none.csv")


def test_only_ensembl_ids_have_versions() -> None:
    assert unversioned("ENSMUSG00000022055.4") == "ENSMUSG00000022055"
    assert unversioned("RP11-34P13.7") == "RP11-34P13.7"


def test_controls_blanks_and_proteins_are_no_genes() -> None:
    controls = ["NegControlProbe_00042", "BLANK_0006", "Blank-12", "antisense_PROK2", "UnassignedCodeword_0001"]
    controls += ["DeprecatedCodeword_0200", "Intergenic_Region_12", "NegPrb3", "SystemControl14", "Negative2"]
    assert [name for name in controls if is_gene(name)] == []
    assert all(is_gene(name) for name in ("EPCAM", "BLNK", "NEGR1", "ENSG00000119888", "DEPDC1"))
    assert [is_gene("CD3E", kind) for kind in ("Gene Expression", "gene", None, float("nan"), "")] == [True] * 5
    assert [is_gene("CD3E", kind) for kind in ("Protein Expression", "Antibody Capture", "Blank Codeword")] == [
        False
    ] * 3


def test_a_list_is_found_in_another_by_name_then_by_id_of_another_version() -> None:
    target = ("ENSG00000119888.11", "KRT8", "ENSG00000170421.4", "ENSG00000170421.5")
    source = ("ENSG00000170421.5", "ENSG00000119888", "ENSG00000170421.9", "ENSG00000170421.8", "krt8", "KRT8")
    assert gene_map(source, target).tolist() == [3, 0, 2, -1, -1, 1]


def test_no_position_is_given_twice() -> None:
    assert gene_map(("ENSG00000119888.1", "ENSG00000119888.2"), ("ENSG00000119888.1",)).tolist() == [0, -1]


def test_a_list_is_named_by_the_hash_of_its_lines() -> None:
    assert gene_hash(("EPCAM", "KRT8")) == hashlib.sha256(b"EPCAM\nKRT8").hexdigest()[:16]
