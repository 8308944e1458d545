import pytest

from past.base.errors import DataError
from past.models.stpath.vocabulary import ORGANS, PADDING, TECHNOLOGIES, GeneVocabulary, organ_token, technology_token


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("breast", "Breast"),
        (" Spinal Cord ", "Spinal cord"),
        ("bladder", "Others"),
        ("Lymph node", "Others"),
        (None, "Others"),
    ],
)
def test_organs_in_any_case_and_by_alias(name: str | None, word: str) -> None:
    assert ORGANS[organ_token(name)] == word


@pytest.mark.parametrize(
    ("name", "word"),
    [("ST", "Spatial Transcriptomics"), ("VisiumHD", "Visium HD"), ("visium-hd", "Visium HD"), ("xenium", "Xenium")],
)
def test_technologies_in_any_case_and_by_alias(name: str, word: str) -> None:
    assert TECHNOLOGIES[technology_token(name)] == word


def test_no_technology_is_padding_and_the_published_order_holds() -> None:
    assert technology_token(None) == PADDING
    assert (len(ORGANS), len(TECHNOLOGIES)) == (25, 5)
    assert (organ_token("Spinal cord"), organ_token("Others"), technology_token("Visium HD")) == (3, 24, 4)


@pytest.mark.parametrize("name", ["CosMx", "<pad>", ""])
def test_a_technology_that_was_not_trained_on_is_named(name: str) -> None:
    with pytest.raises(DataError, match=r"not in STPath.s vocabulary.*leave --technology out, or give one of Spatial"):
        technology_token(name)


@pytest.mark.parametrize(("name", "nearest"), [("breast cancer", "Breast"), ("Kidny", "Kidney"), ("<unk>", None)])
def test_an_organ_that_is_not_known_is_named_with_the_nearest(name: str, nearest: str | None) -> None:
    with pytest.raises(DataError, match="give --organ others") as raised:
        organ_token(name)
    assert (f"(nearest: {nearest}" in str(raised.value)) == (nearest is not None)


def test_genes_are_numbered_by_sorted_unique_id_after_padding_and_mask() -> None:
    genes = GeneVocabulary({"B": "ENSG2", "A": "ENSG3", "A2": "ENSG3", "C": "ENSG1"})
    assert genes.ids == ("ENSG1", "ENSG2", "ENSG3")
    assert genes.tokens == 5
    assert genes.encode(["A", "A2", "ENSG3", "C"]).tolist() == [4, 4, 4, 2]
    assert "B" in genes
    assert "Z" not in genes


def test_unknown_genes_are_named() -> None:
    genes = GeneVocabulary({"EPCAM": "ENSG1", "ERBB2": "ENSG2"})
    with pytest.raises(DataError, match=r"2 of 3 genes .*: EPCAN, KRT8 \(nearest: EPCAM\)"):
        genes.encode(["EPCAN", "ERBB2", "KRT8"])


def test_state_builds_the_same_vocabulary() -> None:
    genes = GeneVocabulary({"B": "ENSG2", "A": "ENSG3"})
    again = GeneVocabulary.from_state(genes.state())
    assert (again.symbols, again.ids) == (genes.symbols, genes.ids)
    with pytest.raises(DataError, match="carries no gene vocabulary"):
        GeneVocabulary.from_state({"vocabulary_hash": "0"})
