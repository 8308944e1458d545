"""A head on the image tower's features: log1p expression of every gene, learned from each section's own panel."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import torch
from torch import nn

from past.base.errors import ConfigError, require_number
from past.nn.layers import Part

RIDGE: Final = 1.0  # penalty of the regression that a head begins at, over the features' mean eigenvalue
KINDS: Final = ("mse", "negative_binomial")
Kind = Literal["mse", "negative_binomial"]


class ExpressionHead(Part):
    """(B, width) features → (B, genes): log1p expression, or the log of a negative binomial's mean of such counts.

    Linear, with a hidden layer beside it where one is asked for, over features standardised by `fit`.

    Args:
        width: of the features.
        genes: number of them.
        hidden: width of the hidden layer; 0: none.
        dropout: of the hidden layer.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int, genes: int, hidden: int = 256, dropout: float = 0.2) -> None:
        super().__init__()
        require_number("model.hidden", hidden, least=0)
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.linear = nn.Linear(width, genes)
        self.deep = (
            nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, genes))
            if hidden
            else None
        )
        self.log_dispersion = nn.Parameter(torch.zeros(genes))  # of the negative binomial

    @torch.no_grad()
    def fit(self, features: torch.Tensor, expression: torch.Tensor, measured: torch.Tensor) -> None:
        """Begin at ridge regression: of (n, width) standardised features on (n, genes) expression where `measured`."""
        self.centre.copy_(features.mean(dim=0))
        self.scale.copy_(features.std(dim=0).clamp(min=1e-6))
        mean = (expression * measured).sum(dim=0) / measured.sum(dim=0).clamp(min=1)
        standard = ((features - self.centre) / self.scale).double()
        gram = standard.T @ standard + RIDGE * len(features) * torch.eye(features.shape[1], dtype=torch.float64)
        weights = torch.linalg.solve(gram, standard.T @ ((expression - mean) * measured).double())
        self.linear.bias.copy_(mean)
        self.linear.weight.copy_(weights.T)
        if self.deep is not None:
            nn.init.zeros_(self.deep[-1].weight)  # type: ignore[arg-type]
            nn.init.zeros_(self.deep[-1].bias)  # type: ignore[arg-type]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (B, genes)."""
        standard = (features - self.centre) / self.scale
        return self.linear(standard) if self.deep is None else self.linear(standard) + self.deep(standard)


def masked_mse(predicted: torch.Tensor, expression: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """Return the mean squared error over what is measured; (B, genes) each."""
    return ((predicted - expression) ** 2 * measured).sum() / measured.sum().clamp(min=1)


def masked_negative_binomial(
    predicted: torch.Tensor, counts: torch.Tensor, total: torch.Tensor, measured: torch.Tensor, dispersion: torch.Tensor
) -> torch.Tensor:
    """Return the mean negative log-likelihood of counts, up to what the prediction does not move.

    Args:
        predicted: (B, genes) log1p of the mean of a cell of usual total.
        counts: (B, genes) raw.
        total: (B, 1) the cell's own total over the usual one.
        measured: (B, genes) 0 or 1.
        dispersion: (genes,) log of θ; variance = mean + mean² / θ.
    """
    mean = torch.expm1(predicted).clamp(min=1e-4) * total
    theta = dispersion.exp()
    likelihood = (
        torch.lgamma(counts + theta) - torch.lgamma(theta) + theta * (theta / (theta + mean)).log()
        + counts * (mean / (theta + mean)).log()
    )  # fmt: skip
    return -(likelihood * measured).sum() / measured.sum().clamp(min=1)


@dataclass(frozen=True)
class HeadTraining:
    """How a head is trained on features that are at hand.

    Attributes:
        loss: "mse" of log1p, or "negative_binomial" of counts.
        hidden: width of the head's hidden layer; 0: it is linear.
        lr: AdamW's rate.
        weight_decay: AdamW's.
        epochs: at most; it ends when the held-out cells get no better for `patience`.
        patience: epochs.
        batch_size: cells.
        seed: of weights, order and dropout.
    """

    loss: Kind = "mse"
    hidden: int = 256
    lr: float = 1e-3
    weight_decay: float = 0.05
    epochs: int = 60
    patience: int = 6
    batch_size: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        if self.loss not in KINDS:
            raise ConfigError(f"loss={self.loss}: use {' or '.join(KINDS)}")


@dataclass(frozen=True)
class HeadData:
    """n cells: (n, F) features, (n, g) log1p expression, counts, and what is measured; all float32."""

    features: torch.Tensor
    expression: torch.Tensor
    counts: torch.Tensor
    measured: torch.Tensor

    @staticmethod
    def of(features: np.ndarray, expression: np.ndarray, counts: np.ndarray, measured: np.ndarray) -> "HeadData":
        """Take arrays."""
        return HeadData(
            *(torch.from_numpy(np.asarray(a, np.float32)) for a in (features, expression, counts, measured))
        )

    def at(self, rows: torch.Tensor) -> "HeadData":
        """Return some of the cells."""
        return HeadData(*(getattr(self, name)[rows] for name in HeadData.__annotations__))

    def loss(self, head: ExpressionHead, kind: Kind, rows: torch.Tensor | slice = slice(None)) -> torch.Tensor:
        """Return the head's loss over some cells."""
        predicted, measured = head(self.features[rows]), self.measured[rows]
        if kind == "mse":
            return masked_mse(predicted, self.expression[rows], measured)
        total = self.counts.sum(dim=1, keepdim=True)
        share = total[rows] / total.median().clamp(min=1)
        return masked_negative_binomial(predicted, self.counts[rows], share, measured, head.log_dispersion)


def fit_head(train: HeadData, held: HeadData | None, how: HeadTraining) -> tuple[ExpressionHead, int]:
    """Train a head; return it, in evaluation mode, and the number of epochs that it is of.

    Args:
        train: cells to learn from.
        held: cells of other patients, on which it is at its best when it ends; None: it ends after all epochs.
        how: settings.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(how.seed)
        head = ExpressionHead(train.features.shape[1], train.expression.shape[1], how.hidden)
        head.fit(train.features, train.expression, train.measured)
        optimiser = torch.optim.AdamW(head.parameters(), how.lr, weight_decay=how.weight_decay)
        best, at = float("inf"), how.epochs
        if held is not None:
            with torch.no_grad():
                best, at = float(held.loss(head.eval(), how.loss)), 0
        kept = {name: value.clone() for name, value in head.state_dict().items()}
        for epoch in range(1, how.epochs + 1):
            head.train()
            for rows in torch.randperm(len(train.features)).split(how.batch_size):
                loss = train.loss(head, how.loss, rows)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            if held is None:
                continue
            with torch.no_grad():
                error = float(held.loss(head.eval(), how.loss))
            if error < best - 1e-6:
                best, at, kept = error, epoch, {name: value.clone() for name, value in head.state_dict().items()}
            elif epoch - at >= how.patience:
                break
        if held is not None:
            head.load_state_dict(kept)
    return head.eval(), at


@torch.inference_mode()
def predicted_by(head: ExpressionHead, features: np.ndarray) -> np.ndarray:
    """Return (n, genes) float32 log1p expression of (n, F) features, none below 0."""
    blocks = torch.from_numpy(np.asarray(features, np.float32)).split(8_192)
    return torch.cat([head(block).clamp(min=0) for block in blocks]).numpy()
