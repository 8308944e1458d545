"""Measured spots through PAST's cell tower: each with its neighbours, as in training."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.sparse import csr_matrix

from past.base.errors import ConfigError
from past.base.neighbours import nearest
from past.data.shards.records import RawCell
from past.models.past.model import PASTModel
from past.models.past.samples.centring import centred, mean_of_cells
from past.models.past.samples.tokens import Tokenizer

SPOTS_AT_ONCE = 256  # through the cell tower


@torch.inference_mode()
def encode_spots(
    model: PASTModel,
    tokenizer: Mapping[str, object],
    counts: csr_matrix,
    genes: Sequence[str],
    coords: np.ndarray,
    technology: str,
    species: str,
) -> torch.Tensor:
    """Return the joint embeddings (n, D) of a section's spots, on the CPU.

    Args:
        model: in evaluation mode.
        tokenizer: its tokenizer's state.
        counts: (n, genes) raw counts.
        genes: their names.
        coords: (n, 2) places in any unit; they say who is next to whom.
        technology: of the section.
        species: of the section.

    Raises:
        ConfigError: the tokenizer takes neighbours within a radius.
        DataError: no gene that it knows, or a technology that it was not trained on.
    """
    if tokenizer.get("radius") is not None:
        raise ConfigError(f"a PAST of data.samples.radius={tokenizer['radius']}: a benchmark's places have no unit")
    sentences = Tokenizer.from_state(tokenizer, genes)
    rows = np.concatenate([np.arange(len(coords))[:, None], nearest(coords, sentences.neighbours)], axis=1)
    meta: dict[str, object] = {"technology": technology, "species": species}
    device = next(model.parameters()).device
    starts = range(0, len(rows), SPOTS_AT_ONCE)
    batches = [sentences([_cell(counts, near, coords, meta) for near in rows[i : i + SPOTS_AT_ONCE]]) for i in starts]
    if sentences.centred:
        mean = mean_of_cells(batches, len(sentences.vocabulary))
        batches = [centred(batch, mean[None]) for batch in batches]
    found = []
    for batch in batches:
        parts = (batch.tokens, batch.values, batch.valid, batch.context_tokens)
        tokens, values, valid, context = (torch.from_numpy(part).to(device) for part in parts)
        found.append(model.encode_cell(tokens, values, valid, context).float().cpu())
    return torch.cat(found)


def _cell(counts: csr_matrix, rows: np.ndarray, coords: np.ndarray, meta: dict[str, object]) -> RawCell:
    spans = [slice(counts.indptr[row], counts.indptr[row + 1]) for row in rows]
    return RawCell(
        key=str(rows[0]),
        shard="",
        image=b"",
        genes=np.concatenate([counts.indices[span] for span in spans]),
        counts=np.concatenate([counts.data[span] for span in spans]),
        offsets=np.concatenate([[0], np.cumsum([span.stop - span.start for span in spans])]),
        positions=coords[rows].astype(np.float32),
        meta=meta,
    )
