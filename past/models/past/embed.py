"""Both towers over a stream of batches: the joint embeddings of every cell, with what is known of each."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from past.models.past.batch import CellBatch
from past.models.past.model import PASTModel


@dataclass(frozen=True)
class Embeddings:
    """n cells seen by both towers.

    Attributes:
        images: (n, D) unit vectors of the crops.
        cells: (n, D) unit vectors of the transcriptomes.
        keys: sample keys.
        meta: each sample's `<key>.json`.
        genes: (n, t) the first t tokens of each cell's sentence (its most over-expressed genes).
    """

    images: torch.Tensor
    cells: torch.Tensor
    keys: list[str]
    meta: list[dict[str, object]]
    genes: np.ndarray

    def column(self, name: str) -> np.ndarray:
        """Return one entry of every sample's description as strings; '' where it is absent."""
        return np.array([str(entry.get(name) or "") for entry in self.meta])


@torch.inference_mode()
def embed_cells(model: PASTModel, batches: Iterable[CellBatch], top_genes: int = 3) -> Embeddings:
    """Run both towers over `batches` on the model's device.

    Args:
        model: in evaluation mode.
        batches: unshuffled, every cell once.
        top_genes: how many leading genes of each sentence to keep.
    """
    device = next(model.parameters()).device
    images, cells, genes, keys, meta = [], [], [], [], []
    for batch in batches:
        moved = batch.to(device)
        out = model(moved)
        images.append(out.images.float().cpu())
        cells.append(out.cells.float().cpu())
        genes.append(batch.tokens[:, 0, :top_genes].numpy().copy())  # a view would keep the whole batch
        keys += batch.keys
        meta += batch.meta
    return Embeddings(torch.cat(images), torch.cat(cells), keys, meta, np.concatenate(genes))
