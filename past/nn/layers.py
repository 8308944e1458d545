"""`Part`, a module that remembers how it was built, and attention over sentences of several lengths."""

import inspect
from typing import ClassVar, Self

import torch
import torch.nn.functional as F
from torch import nn

from past.nn.dropout import Dropout


class Part(nn.Module):
    """A module that keeps its constructor's arguments in `config`, so that a checkpoint can build it again.

    `config` holds plain values, the class's name under "part", and for an argument that is a Part, that part's config.

    Attributes:
        fetched: arguments that name files or repositories: None in `config`, for a saved model brings its own weights.
    """

    config: dict[str, object]
    fetched: ClassVar[tuple[str, ...]] = ()
    alone_as: ClassVar[str | None] = None  # the part of a model that one trained or imported by itself can be
    reads_genes: ClassVar[bool] = False  # whether its weights are of one vocabulary

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Note the arguments; the class's own `__init__` does the building."""
        part = super().__new__(cls)
        # Partial, because copying and unpickling call __new__ without arguments and restore __dict__ afterwards.
        bound = inspect.signature(cls.__init__).bind_partial(part, *args, **kwargs)
        bound.apply_defaults()
        part.config = {"part": cls.__name__}
        for name, value in list(bound.arguments.items())[1:]:
            part.config[name] = value.config if isinstance(value, Part) else None if name in cls.fetched else value
        return part


class PackedSentences:
    """Where the words of B sentences of up to L places lie: layers work on the words end to end, attention on (B, L).

    Args:
        computed: (B, L) bool, the places that are computed at all: N of them.
        real: (B, L) bool, the places that may be looked at; all are computed.
    """

    def __init__(self, computed: torch.Tensor, real: torch.Tensor) -> None:
        self.shape = computed.shape
        self.mask = real[:, None, None, :]
        self._at = computed.flatten().nonzero()[:, 0]

    @property
    def rows(self) -> torch.Tensor:
        """(N,) the sentence of each word."""
        return self._at // self.shape[1]

    @property
    def positions(self) -> torch.Tensor:
        """(N,) the place of each word in its sentence."""
        return self._at % self.shape[1]

    def pack(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, …): the computed places of (B, L, …)."""
        return x.flatten(0, 1).index_select(0, self._at)

    def unpack(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, L, …) of (N, …), with 0 at the other places."""
        out = x.new_zeros(self.shape.numel(), *x.shape[1:])
        return out.index_copy(0, self._at, x).unflatten(0, self.shape)


class Attention(nn.Module):
    """Multi-head attention of (B, Q, width) queries over (B, N, width) keys, with one matrix for all three inputs."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, query: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return (B, Q, width).

        Args:
            query: (B, Q, width).
            keys: (B, N, width).
            mask: broadcastable to (B, heads, Q, N): bool (True takes part), or float added to the scores.
        """
        width = query.shape[-1]
        weights, biases = self.qkv.weight.split([width, 2 * width]), self.qkv.bias.split([width, 2 * width])
        q = F.linear(query, weights[0], biases[0])
        k, v = F.linear(keys, weights[1], biases[1]).chunk(2, dim=-1)
        return self.out(self._mix(q, k, v, mask))

    def within(self, x: torch.Tensor, sentences: PackedSentences) -> torch.Tensor:
        """Return (N, width): the words (N, width) of each sentence attend to its real ones."""
        q, k, v = sentences.unpack(self.qkv(x)).chunk(3, dim=-1)
        return self.out(sentences.pack(self._mix(q, k, v, sentences.mask)))

    def _mix(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        mask = mask if mask.dtype == torch.bool else mask.to(q.dtype)
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


class PostNormLayer(nn.Module):
    """The original transformer layer (Vaswani et al. 2017): LayerNorm after each residual sum, ReLU between."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.attention_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, feedforward)
        self.contract = nn.Linear(feedforward, width)
        self.feedforward_norm = nn.LayerNorm(width)
        self.dropouts = nn.ModuleList(Dropout(dropout) for _ in range(3))

    def forward(self, x: torch.Tensor, sentences: PackedSentences) -> torch.Tensor:
        """Map (N, width) to (N, width): the words of all sentences."""
        x = self.attention_norm(x + self.dropouts[0](self.attention.within(x, sentences)))
        inner = self.dropouts[1](F.relu(self.expand(x)))
        return self.feedforward_norm(x + self.dropouts[2](self.contract(inner)))


class ProjectionHead(nn.Module):
    """p = Linear(x); LayerNorm(p + Dropout(Linear(GELU(p)))): into the joint space, before normalising (PAST)."""

    def __init__(self, width: int, dim: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.project = nn.Linear(width, dim)
        self.mix = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (B, width) to (B, dim)."""
        p = self.project(x)
        return self.norm(p + self.dropout(self.mix(F.gelu(p))))


def masked_mean(x: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Return the mean of (…, L, width) over the positions of L where `keep` (…, L) is True; zero where none is."""
    weights = keep.to(x.dtype).unsqueeze(-1)
    return (x * weights).sum(-2) / weights.sum(-2).clamp(min=1)
