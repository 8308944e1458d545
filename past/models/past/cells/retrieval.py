"""Expression, type and trust of a cell from the training cells whose transcriptomes lie nearest to its image.

The k nearest by cosine (BLEEP's 50: Xie et al., NeurIPS 2023), weighted by softmax(similarity / temperature), and the
mean of their log1p expression; of a gene over those neighbours whose section measured it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
import torch

from past.models.past.cells.bank import Bank
from past.models.past.cells.observed import centred_units
from past.models.past.cells.search import nearest_keys

NEIGHBOURS: Final = 50


@dataclass(frozen=True)
class Retrieved:
    """What q cells found.

    Attributes:
        expression: (q, G) float32 log1p; 0 for a gene that none of a cell's neighbours measured.
        spread: (q,) how far the neighbours disagree: the square root of their weighted variance, mean over genes.
        similarity: (q,) cosine of the image to the nearest training image.
        unlike: (q,) bool: less similar to every training image than the bank's limit.
        weights: (q, n) of the bank's cells, k of them a row.
    """

    expression: np.ndarray
    spread: np.ndarray
    similarity: np.ndarray
    unlike: np.ndarray
    weights: sp.csr_matrix


def neighbour_weights(
    queries: np.ndarray, keys: np.ndarray, k: int = NEIGHBOURS, temperature: float = 0.07, device: str = "cpu"
) -> sp.csr_matrix:
    """Return (q, n) weights of each query's k nearest keys: softmax of the cosine over `temperature`."""
    similar, rows = nearest_keys(torch.from_numpy(queries).to(device), torch.from_numpy(keys).to(device), k)
    weights = torch.softmax(similar / temperature, dim=1).cpu().numpy().astype(np.float64)
    indptr = np.arange(len(queries) + 1) * rows.shape[1]
    return sp.csr_matrix((weights.ravel(), rows.cpu().numpy().ravel(), indptr), shape=(len(queries), len(keys)))


def retrieve(
    bank: Bank, images: np.ndarray, sections: np.ndarray, k: int = NEIGHBOURS, device: str = "cpu"
) -> Retrieved:
    """Find each of q images' neighbours in the bank; places are compared less their sections' means.

    Args:
        bank: training cells.
        images: (q, D) float32 unit vectors of the crops.
        sections: (q,) names.
        k: neighbours.
        device: where it is searched.
    """
    weights = neighbour_weights(centred_units(images, sections), bank.keys, k, bank.temperature, device)
    similarity = nearest_keys(torch.from_numpy(images), torch.from_numpy(bank.images), 1)[0][:, 0].numpy()
    expression = mean_expression(weights, bank)
    squares: Any = bank.expression.multiply(bank.expression)
    variance = np.maximum(_dense(weights @ squares) - _dense(weights @ bank.expression) ** 2, 0)
    spread = np.sqrt(variance.mean(axis=1))
    return Retrieved(expression, spread.astype(np.float32), similarity, similarity < bank.limit, weights)


def mean_expression(weights: sp.csr_matrix, bank: Bank) -> np.ndarray:
    """Return (q, G) float32: weighted means over the bank's cells, of a gene over those whose section measured it."""
    mean = _dense(weights @ bank.expression)
    number, panels = bank.sections
    if not panels.all():
        of_section = sp.csr_matrix((np.ones(len(bank)), (np.arange(len(bank)), number)))
        share = _dense(weights @ of_section) @ panels
        mean = np.divide(mean, share, out=np.zeros_like(mean), where=share > 1e-9)
    return mean.astype(np.float32)


def _dense(matrix: Any) -> np.ndarray:
    return np.asarray(matrix.todense(), dtype=np.float64)


def vote(weights: sp.csr_matrix, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, Sequence[str]]:
    """Return each query's label by its neighbours, (q,), (q, c) shares, and the c labels; "" has no vote.

    Args:
        weights: (q, n).
        labels: (n,) of the bank's cells.
    """
    known = sorted(set(labels.tolist()) - {""})
    place = {label: i for i, label in enumerate(known)}
    rows = [i for i, label in enumerate(labels.tolist()) if label]
    columns = [place[labels[i]] for i in rows]
    one = sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(labels), len(known)))
    shares = _dense(weights @ one)
    total = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    if not known:
        return np.full(len(shares), "", dtype=object), shares, known
    found = np.array(known, dtype=object)[shares.argmax(axis=1)]
    return np.where(total[:, 0] > 0, found, ""), shares, known
