"""Measured spots through the cell tower, their section's mean taken away where the model was trained so."""

import numpy as np
import pytest
import torch
from planted import GENES
from scipy.sparse import csr_matrix
from tiny_past import tiny_module

from past.base.errors import ConfigError
from past.models.past import transcriptomes
from past.models.past.samples.tokens import Tokenizer
from past.models.past.transcriptomes import encode_spots


def encoded(counts: np.ndarray, centred: bool) -> torch.Tensor:
    model = tiny_module().model.eval()
    torch.manual_seed(1)
    torch.nn.init.normal_(model.cell_encoder.components)  # type: ignore[arg-type, union-attr]
    means = {"Xenium": np.ones(len(GENES))}
    state = Tokenizer(GENES, GENES, means, context=len(GENES), neighbours=0, centred=centred).state()
    coords = np.stack([np.arange(len(counts)), np.zeros(len(counts))], axis=1)
    return encode_spots(model, state, csr_matrix(counts), GENES, coords, "Xenium", "human")


def test_a_spots_embedding_depends_on_its_section_only_where_the_model_is_centred(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transcriptomes, "SPOTS_AT_ONCE", 3)  # the mean is of the section, not of a batch
    rng = np.random.default_rng(0)
    spots, others = rng.poisson(2.0, (5, len(GENES))), rng.poisson(9.0, (4, len(GENES)))
    for centred in (False, True):
        alone = encoded(spots, centred)
        torch.testing.assert_close(encoded(np.concatenate([spots, spots]), centred)[:5], alone)
        beside = encoded(np.concatenate([spots, others]), centred)[:5]
        assert torch.allclose(beside, alone, atol=1e-4) is not centred


def test_neighbours_within_a_radius_are_refused() -> None:
    state = Tokenizer(GENES, GENES, {"Xenium": np.ones(len(GENES))}, context=4, radius="112 px").state()
    spot = csr_matrix((1, len(GENES)))
    with pytest.raises(ConfigError, match=r"a PAST of data.samples.radius=112 px: a benchmark's places have no unit"):
        encode_spots(tiny_module().model, state, spot, GENES, np.zeros((1, 2)), "Xenium", "human")
