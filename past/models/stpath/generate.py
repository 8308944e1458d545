"""Hidden states of a slide's spots: in one pass, stepwise with the surest predictions as context, or under dropout."""

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse import csr_matrix, vstack

from past.models.stpath.batch import SlideBatch
from past.models.stpath.gene_embedding import GeneHead
from past.models.stpath.model import STPath
from past.models.stpath.samples.masking import tell
from past.models.stpath.vocabulary import RESERVED

SPOTS_AT_ONCE = 1024  # through the head …
VALUES_AT_ONCE = 2**23  # … but fewer where they would give more predicted values than this (32 MB)
HALF_A_COUNT = math.log(1.5)  # predicted log1p above which a spot told on is said to hold the gene, as in counts


def predicted(head: GeneHead, hidden: torch.Tensor, genes: np.ndarray) -> Iterator[tuple[slice, torch.Tensor]]:
    """Yield (rows, predicted log1p expression (…, r, G) of these rows) over all rows of `hidden` (…, N, dim)."""
    weight, bias = head.rows(torch.from_numpy(genes).to(hidden.device))
    spots, at_once = hidden.shape[-2], min(SPOTS_AT_ONCE, max(1, VALUES_AT_ONCE // max(1, len(genes))))
    for start in range(0, spots, at_once):
        rows = slice(start, min(start + at_once, spots))
        yield rows, F.linear(head.norm(hidden[..., rows, :]), weight, bias)


def generate(
    model: STPath, slide: SlideBatch, told: csr_matrix, measured: np.ndarray, genes: np.ndarray, steps: int
) -> torch.Tensor:
    """Return the hidden states (N, dim) from which every spot is predicted.

    After pass s of S the predictions of a share 1 − cos(π/2 · s/S) of the unmeasured spots are kept for good and told
    in the passes that follow: first those whose prediction of `genes` moved least since the pass before (after the
    first pass: since the slide's mean). What is told on are predictions of half a count or more, of all genes.

    Args:
        model: in evaluation mode.
        slide: features, places and tokens; its expression is not read.
        told: (N, tokens) log1p expression of the measured spots.
        measured: (C,) rows of `told` that are measured.
        genes: (G,) tokens of the asked genes.
        steps: S, at least 1.
    """
    open_spots = np.ones(len(slide), dtype=bool)
    open_spots[measured] = False
    free, kept = int(open_spots.sum()), np.zeros(len(slide), dtype=bool)
    final = previous = None
    for step in range(1, steps + 1):
        hidden = model(replace(slide, expression=tell(told, np.flatnonzero(open_spots)).to(slide.coords.device)))
        keeps = torch.from_numpy(kept).to(hidden.device)[:, None]
        final = hidden if final is None else torch.where(keeps, final, hidden)
        if step < steps:
            share = 1 - math.cos(math.pi / 2 * step / steps)
            movement = np.where(open_spots, _movement(model.head, hidden, previous, genes), np.inf)
            chosen = np.argsort(movement, kind="stable")[: round(share * free) - int(kept.sum())]
            told = told + _as_counts(model.head, hidden, chosen, len(slide))
            open_spots[chosen], kept[chosen] = False, True
            previous = hidden
    assert final is not None
    return final


def _movement(head: GeneHead, hidden: torch.Tensor, previous: torch.Tensor | None, genes: np.ndarray) -> np.ndarray:
    """Return (N,) mean squared change of each spot's prediction; without a previous pass, from the slide's mean."""
    parts = []
    if previous is None:
        mean = torch.stack([block.sum(0) for _, block in predicted(head, hidden, genes)]).sum(0) / len(hidden)
        parts = [(block - mean).square().mean(1) for _, block in predicted(head, hidden, genes)]
    else:
        both = predicted(head, torch.stack([hidden, previous]), genes)
        parts = [(now - before).square().mean(1) for _, (now, before) in both]
    return torch.cat(parts).cpu().numpy()


def _as_counts(head: GeneHead, hidden: torch.Tensor, chosen: np.ndarray, spots: int) -> csr_matrix:
    """Return (spots, tokens): the predictions of the rows `chosen`, of all genes, as far as half a count or more."""
    tokens = len(head.bias)
    genes = np.arange(RESERVED, tokens)
    blocks = [csr_matrix((0, len(genes)), dtype=np.float32)]
    for _, block in predicted(head, hidden[torch.from_numpy(chosen).to(hidden.device)], genes):
        dense = block.cpu().numpy()
        blocks.append(csr_matrix(np.where(dense > HALF_A_COUNT, dense, 0)))
    found = vstack(blocks).tocoo()
    return csr_matrix((found.data, (chosen[found.row], found.col + RESERVED)), shape=(spots, tokens))


def dropout_states(model: STPath, slide: SlideBatch, samples: int, seed: int) -> list[torch.Tensor]:
    """Return `samples` hidden states (N, dim) under dropout, seeded; the global generator is left alone."""
    devices = [slide.coords.device] if slide.coords.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        model.train()
        try:
            return [model(slide) for _ in range(samples)]
        finally:
            model.eval()
