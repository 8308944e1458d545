"""What a crop finds is of its own section."""

import numpy as np
import torch

from past.evaluation.retrieval.task import nearest_transcriptomes
from past.models.past.embed import Embeddings


def test_the_nearest_are_of_the_querys_own_section() -> None:
    own = torch.nn.functional.normalize(torch.randn(120, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    meta: list[dict[str, object]] = [{"section": "A1" if i < 40 else "A2" if i < 100 else "B1"} for i in range(120)]
    found = Embeddings(own, own.clone(), [f"c{i}" for i in range(120)], meta, np.zeros((120, 3), dtype=int))
    nearest = nearest_transcriptomes(found, 50)
    assert nearest[0] == 50
    assert set(found.column("section")[nearest]) == {"A2"}
