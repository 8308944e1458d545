"""Each part of an index by itself: what is one comes out, what is none is told."""

from typing import Any

import pytest

from past.base.genes import gene_hash
from past.data.shards.entries import is_mpp, is_word, require_genes, require_sections, require_settings, shard_of

SHARD = {
    "name": "S-000000.tar", "samples": 2, "bytes": 5_000, "sha256": "0" * 64, "section": "S", "patients": ["P", "Q"],
}  # fmt: skip
SECTION = {"patient": "P", "organ": "breast", "technology": "Visium", "species": "human"}


def test_what_is_one_comes_out() -> None:
    shard = shard_of(SHARD)
    assert (shard.name, shard.samples, shard.bytes, shard.patients) == ("S-000000.tar", 2, 5_000, ("P", "Q"))
    assert require_genes(["A", "B"], gene_hash(["A", "B"])) == ("A", "B")
    assert require_sections({"S": SECTION}) == {"S": SECTION}
    assert require_settings({"px": 224, "mpp": None}) == {"px": 224, "mpp": None}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"name": "../S.tar"}, "'../S.tar' is no shard's name"),
        ({"samples": 2.0}, "samples is 2.0, wanted a whole number"),
        ({"samples": True}, "samples is True, wanted a whole number"),
        ({"samples": 3}, "3 samples do not fit into 5,000 bytes"),
        ({"bytes": -1}, "bytes is -1, wanted a whole number"),
        ({"sha256": "0" * 63}, "is no SHA-256"),
        ({"section": " "}, "' ' is no section's name"),
        ({"patients": []}, r"\[\] is no list of patients"),
    ],
)
def test_a_shard_that_is_none_is_told(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        shard_of(SHARD | changed)


@pytest.mark.parametrize(
    ("check", "content", "says"),
    [
        (shard_of, {"name": "S.tar"}, "is no shard's entry, which has bytes, name, patients"),
        (require_settings, {"px": 0, "mpp": 0.5}, "px is 0, wanted a whole number from 1"),
        (require_settings, {"px": 224, "mpp": 0}, "mpp is 0, wanted µm/px above 0"),
        (require_settings, {"px": 1, "mpp": 1, "encoder": "uni", "width": 0}, "width is 0"),
        (require_sections, {"S": SECTION | {"patient": ""}}, "its patient is '', wanted a word"),
        (require_sections, {"S": 3}, "3 says nothing of it"),
        (lambda names: require_genes(names, "another"), ["A"], "does not match its hash 'another'"),
        (lambda names: require_genes(names, ""), "AB", "'AB' is no list of genes"),
    ],
)
def test_what_is_none_is_told(check: Any, content: Any, says: str) -> None:
    with pytest.raises((ValueError, TypeError), match=says):
        check(content)


def test_words_hold_nothing_that_a_terminal_obeys() -> None:
    assert [is_word(value) for value in ("S 1", "", "\t", "a\x1b[31m", 3, None)] == [True] + [False] * 5


def test_a_pixel_has_a_size() -> None:
    assert [is_mpp(value) for value in (0.5, 1, 0, -0.5, True, "0.5", 1e6, float("nan"))] == [True] * 2 + [False] * 6
