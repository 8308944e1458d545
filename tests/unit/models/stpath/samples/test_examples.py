"""From a slide in a shard to a masked example."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from data_modules import small_slides
from slide_shards import GENES, slide

from past.data.shards.slides import raw_counts
from past.models.stpath.samples.examples import read_slide
from past.models.stpath.vocabulary import PADDING


def test_a_slide_is_read_over_the_vocabulary() -> None:
    record = slide("A1", 64, seed=0)
    tokens_of = np.full(len(GENES), -1)
    tokens_of[[0, 1, 2, 5]] = [2, 3, 3, 4]  # two names of one token are summed
    counts = raw_counts(record, len(GENES)).toarray()
    found = read_slide(record, tokens_of, 5, variable=2)
    expected = np.stack([counts[:, 0], counts[:, 1] + counts[:, 2], counts[:, 5]], axis=1)
    np.testing.assert_allclose(found.expression[:, 2:].toarray(), np.log1p(expected), rtol=1e-6)
    assert (found.technology, found.organ) == (PADDING, 5)
    assert found.coords.max() == pytest.approx(100)
    rare = replace(record, counts=np.where(record.genes == 5, 0, record.counts))
    rare.counts[np.flatnonzero(record.genes == 5)[:2]] = 1  # two counts in all
    assert read_slide(rare, tokens_of, 5, variable=2).expression[:, 4].nnz == 0


def test_images_are_hidden_behind_the_training_mean(root: Path) -> None:
    data = small_slides(root, rounds=8, image_dropout=1.0)
    mean = torch.from_numpy(data.samples.statistics.feature_mean.astype(np.float16))
    shares = [float((batch.features == mean).all(dim=1).float().mean()) for batch in data.train_dataloader()]
    assert 0.3 < np.mean(shares) < 0.7
    assert np.ptp(shares) > 0.2  # another share in every example
    plain = next(iter(small_slides(root).train_dataloader()))
    assert not (plain.features == mean).all(dim=1).any()
