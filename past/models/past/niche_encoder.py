"""PAST's niche encoder: a cell and its neighbours as a small, fully connected graph."""

import torch
import torch.nn.functional as F
from torch import nn

from past.models.past.vocabulary import PADDING
from past.nn.dropout import Dropout
from past.nn.layers import Part


class GraphAttention(nn.Module):
    """One-head graph attention (Veličković et al. 2018) over all valid nodes, self-loops included.

    h = W x;  score(i←j) = LeakyReLU₀.₂(target·hᵢ + source·hⱼ);  outᵢ = Σⱼ softmaxⱼ(score) hⱼ + bias.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width_in, width, bias=False)
        self.source = nn.Parameter(torch.empty(1, 1, width))
        self.target = nn.Parameter(torch.empty(1, 1, width))
        self.bias = nn.Parameter(torch.zeros(width))
        for weight in (self.linear.weight, self.source, self.target):
            nn.init.xavier_uniform_(weight)

    def forward(self, nodes: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Map (B, K, width_in) to (B, K, width); `valid` (B, K) says which nodes exist, at least one a row."""
        h = self.linear(nodes)
        scores = (h * self.target).sum(-1)[:, :, None] + (h * self.source).sum(-1)[:, None, :]
        scores = F.leaky_relu(scores, 0.2).masked_fill(~valid[:, None, :], float("-inf"))
        return scores.softmax(dim=-1).to(h.dtype) @ h + self.bias


class NicheEncoder(Part):
    """Two graph-attention layers, LayerNorm after each, ReLU and dropout between; the cell's own node is read out.

    Attention does not depend on the nodes' order, so the cell may stand first (ours) or last (as published).

    Args:
        width_in: features a node.
        hidden: width between the layers.
        width: width of the result.
        dropout: between the layers.
    """

    def __init__(self, width_in: int, *, hidden: int = 256, width: int = 512, dropout: float = 0.1) -> None:
        super().__init__()
        self.width_in = width_in
        self.width = width
        self.layers = nn.ModuleList([GraphAttention(width_in, hidden), GraphAttention(hidden, width)])
        self.norms = nn.ModuleList([nn.LayerNorm(hidden), nn.LayerNorm(width)])
        self.dropout = Dropout(dropout)

    def forward(self, nodes: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
        """Return (B, width) from (B, K, width_in) nodes, row 0 the cell itself, of which `valid` (B, K) exist."""
        x = self.dropout(F.relu(self.norms[0](self.layers[0](nodes, valid))))
        return self.norms[1](self.layers[1](x, valid))[:, 0]


def token_ids(tokens: torch.Tensor, width: int) -> torch.Tensor:
    """Return (B, K, width): raw token ids, 0 at padding; as floats they are the published node features."""
    ids = tokens.masked_fill(tokens == PADDING, 0)[..., :width]
    return F.pad(ids, (0, width - ids.shape[-1]))
