"""Sentences of genes: the published order, and what becomes of cells that have little."""

from pathlib import Path

import numpy as np
import pytest

from past.base.errors import CheckpointError, ConfigError, DataError
from past.data.shards.records import RawCell
from past.models.past.samples.tokens import Tokenizer
from past.models.past.vocabulary import PADDING, RESERVED

ABC = ("A", "B", "C", "D")


def cell(rows: list[list[int]] | np.ndarray, technology: str = "Xenium", species: str = "human") -> RawCell:
    """A cell from dense counts, row 0 its own; neighbour i lies i * 10 µm away."""
    dense = np.atleast_2d(np.asarray(rows))
    row, gene = np.nonzero(dense)
    offsets = np.concatenate([[0], np.cumsum((dense > 0).sum(1))]).astype(np.int32)
    positions = np.stack([100 + 10.0 * np.arange(len(dense)), np.full(len(dense), 7.0)], 1).astype(np.float32)
    meta: dict[str, object] = {"technology": technology, "species": species}
    return RawCell("k", "s.tar", b"", gene.astype(np.uint16), dense[row, gene], offsets, positions, meta)


def test_tokens_equal_the_reference(reference: Path) -> None:
    with np.load(reference / "tokens.npz") as numbers:
        counts, expected, context = numbers["counts"], numbers["tokens"], int(numbers["context"])
        mean, ties = numbers["technology_mean"], set(numbers["cells_with_ties"].tolist())
    genes = [str(i) for i in range(counts.shape[1])]
    tokenizer = Tokenizer(genes, genes, {"Xenium": mean}, context, neighbours=0)
    tokens = tokenizer([cell(row) for row in counts]).tokens[:, 0]
    expected = np.where(expected == 0, PADDING, expected)
    # scaled by the cell's total or not, the order is the same: values that tie are found on the counts
    over = counts / np.where(mean == 0, 1, mean)
    for number, (ours, theirs) in enumerate(zip(tokens, expected, strict=True)):
        if number not in ties:
            np.testing.assert_array_equal(ours, theirs)
        real = theirs != PADDING
        np.testing.assert_allclose(
            over[number, ours[real] - RESERVED], over[number, theirs[real] - RESERVED], rtol=1e-9
        )


def test_the_most_over_expressed_come_first_and_ties_in_the_vocabularys_order() -> None:
    tokenizer = Tokenizer(ABC, ABC, {"Xenium": [1.0, 2.0, np.nan, 0.0]}, context=3, neighbours=1)
    out = tokenizer([cell([[4, 8, 0, 4], [0, 0, 0, 5]])])
    # A 4/1, B 8/2 and D 4 (never seen: 1) tie
    assert out.tokens.tolist() == [[[30, 31, 33], [33, PADDING, PADDING]]]
    np.testing.assert_allclose(out.values[0, 0], np.log1p([2500, 5000, 2500]), rtol=1e-6)
    assert out.values[0, 1].tolist() == [pytest.approx(np.log1p(10_000)), 0, 0]
    assert out.context_tokens.tolist() == [[4, 9, 5]]
    assert (out.positions.tolist(), out.positions.dtype) == ([[[0, 0], [10, 0]]], np.float32)


def test_missing_neighbours_and_empty_cells_are_padding() -> None:
    tokenizer = Tokenizer(ABC, ABC, {"Xenium": np.ones(4)}, context=2, neighbours=2)
    out = tokenizer([cell([[0, 0, 0, 0], [1, 0, 0, 0]]), cell([[1, 2, 3, 4]]), cell([[1, 0, 0, 0]] * 5)])
    assert out.valid.tolist() == [[True, True, False], [True, False, False], [True, True, True]]
    assert out.tokens[0].tolist() == [[PADDING, PADDING], [30, PADDING], [PADDING, PADDING]]
    assert out.tokens[1, 0].tolist() == [33, 32]
    assert out.values[0, 0].tolist() == [0, 0]


def test_a_radius_in_pixels_is_of_each_crops_own_scale() -> None:
    tokenizer = Tokenizer(ABC, ABC, {"Xenium": np.ones(4)}, context=2, neighbours=3, radius="50 px")
    fine, coarse = cell([[1, 0, 0, 0]] * 4), cell([[1, 0, 0, 0]] * 4)
    fine.meta["mpp"], coarse.meta["mpp"] = 0.25, 0.5  # 12.5 and 25 µm
    assert tokenizer([fine, coarse]).valid.sum(axis=1).tolist() == [2, 3]
    with pytest.raises(ConfigError, match=r"data.samples.radius=far: give µm as a number, or pixels as in '112 px'"):
        Tokenizer(ABC, ABC, {"Xenium": np.ones(4)}, radius="far")


def test_neighbours_beyond_the_radius_are_not_used() -> None:
    tokenizer = Tokenizer(ABC, ABC, {"Xenium": np.ones(4)}, context=2, neighbours=3, radius=15)
    out = tokenizer([cell([[1, 0, 0, 0]] * 4)])
    assert out.valid.tolist() == [[True, True, False, False]]
    assert (out.tokens[0, 2:] == PADDING).all()
    assert (out.values[0, 2:] == 0).all()


def test_genes_outside_the_vocabulary_count_towards_the_total_only() -> None:
    tokenizer = Tokenizer(ABC, ("D", "X", "B"), {"Xenium": np.ones(3)}, context=4, neighbours=0)
    out = tokenizer([cell([[5, 1, 2, 2]])])
    assert tokenizer.vocabulary_size == RESERVED + 3
    assert out.tokens[0, 0].tolist() == [30, 32, PADDING, PADDING]
    np.testing.assert_allclose(out.values[0, 0, :2], np.log1p([2000, 1000]), rtol=1e-6)


def test_each_technology_has_its_mean() -> None:
    means = {"Xenium": np.ones(4), "Visium": np.array([10.0, 1, 1, 1])}
    tokenizer = Tokenizer(ABC, ABC, means, context=2, neighbours=0)
    out = tokenizer([cell([[3, 2, 0, 0]]), cell([[3, 2, 0, 0]], technology="visium v2")])
    assert out.tokens[:, 0].tolist() == [[30, 31], [31, 30]]
    assert out.context_tokens[:, 1].tolist() == [9, 19]
    with pytest.raises(DataError, match="no mean of CosMx: the tokenizer has those of Xenium, Visium"):
        tokenizer([cell([[1, 0, 0, 0]], technology="cosmx")])


def test_a_state_makes_an_equal_tokenizer_for_other_data() -> None:
    tokenizer = Tokenizer(ABC, ABC, {"Xenium": [1, 2, 0, 4]}, context=3, neighbours=1, radius=50)
    again = Tokenizer.from_state(tokenizer.state(), genes=("Z", "D", "C", "B", "A"))
    first, second = tokenizer([cell([[4, 3, 2, 1]])]), again([cell([[0, 1, 2, 3, 4]])])
    np.testing.assert_array_equal(first.tokens, second.tokens)
    np.testing.assert_array_equal(first.values, second.values)
    assert again.state() == tokenizer.state()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"vocabulary": None}, "none of train.py's"),
        ({"wings": 2}, "none of train.py's .*wings"),
        ({"genes": ["A"]}, "none of train.py's"),
        ({"technology_mean": [1]}, "none of train.py's"),
        ({"context": "far"}, "none of train.py's"),
    ],
)
def test_a_state_that_is_none_is_one_sentence(change: dict, sentence: str) -> None:
    state = Tokenizer(ABC, ABC, {"Xenium": np.ones(4)}, centred=True, context=4).state()
    with pytest.raises(CheckpointError, match=sentence) as refused:
        Tokenizer.from_state({**state, **change}, ABC)
    assert "\n" not in str(refused.value)
    with pytest.raises(CheckpointError, match="carries no vocabulary: import it again"):
        Tokenizer.from_state({"vocabulary_hash": "0123456789abcdef"}, ABC)


def test_a_vocabulary_that_does_not_fit_is_named() -> None:
    with pytest.raises(DataError, match=r"none of the 4 genes of the data \(A, …\) is in the vocabulary \(ENSG1, …\)"):
        Tokenizer(ABC, ("ENSG1",), {"Xenium": np.ones(1)})
    with pytest.raises(DataError, match="the mean of Xenium has 3 genes, the vocabulary 4"):
        Tokenizer(ABC, ABC, {"Xenium": np.ones(3)})
