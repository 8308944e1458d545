"""Expression beside its section's mean: every gene stays, none of it is the section's."""

from pathlib import Path

import numpy as np
import pytest
from data_modules import cell_data
from shards import GENES, write_set

from past.base.errors import ConfigError
from past.data.shards.index import ShardIndex
from past.models.past.batch import CellBatch
from past.models.past.samples.centring import section_means
from past.models.past.samples.tokens import Tokenizer
from past.models.past.vocabulary import PADDING, RESERVED


@pytest.fixture
def index(tmp_path: Path) -> ShardIndex:
    return write_set(tmp_path / "set", [12, 8])


def table(batch: CellBatch) -> np.ndarray:
    """(B, K, G) values in the vocabulary's order."""
    found = np.zeros((*batch.tokens.shape[:2], RESERVED + len(GENES)), np.float32)
    np.put_along_axis(found, batch.tokens.numpy(), batch.values.numpy(), axis=2)
    return found[..., RESERVED:]


def validated(index: ShardIndex, section: str, **settings: bool) -> list[CellBatch]:
    data = cell_data(index.root, val=[section], num_workers=0, batch_size=5, neighbours=2, context=32, **settings)
    data.setup("validate")
    return list(data.val_dataloader())


def test_a_sections_cells_have_mean_zero_in_every_gene_and_differ_as_before(index: ShardIndex) -> None:
    for section in ("S0", "S1"):
        plain, ours = (
            np.concatenate([table(batch) for batch in validated(index, section, centre_expression=centre)])
            for centre in (False, True)
        )
        np.testing.assert_allclose(ours[:, 0].mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(ours - ours[:1, :1], plain - plain[:1, :1], atol=1e-5)


def test_the_most_above_the_mean_come_first_and_missing_neighbours_stay_empty(index: ShardIndex) -> None:
    tokenizer = Tokenizer(GENES, GENES, {"Xenium": np.ones(len(GENES))}, context=40, neighbours=8, centred=True)
    data = cell_data(index.root, val=["S1"], num_workers=0, neighbours=8, context=40, centre_expression=True)
    assert data.samples.means is not None
    assert data.samples.means.keys() == {"S0", "S1"}
    (batch, *_) = data.samples.for_fitting()
    values = batch.values[..., : len(GENES)]
    assert (values[batch.valid].diff(dim=-1) <= 0).all()
    assert (~batch.valid).any()
    assert (batch.tokens[~batch.valid] == PADDING).all()
    assert (batch.values[~batch.valid] == 0).all()
    assert (batch.tokens[..., len(GENES) :] == PADDING).all()
    np.testing.assert_array_equal(section_means(index, tokenizer)["S0"], data.samples.means["S0"])


def test_a_context_that_does_not_hold_every_gene_is_refused(index: ShardIndex) -> None:
    data = cell_data(index.root, val=["S1"], context=8, centre_expression=True)
    with pytest.raises(
        ConfigError, match=r"data.samples.context=8 is below the vocabulary's 30 genes; set data.samples.context=30"
    ):
        _ = data.samples.tokenizer
