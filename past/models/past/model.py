"""PAST: an image tower and a cell tower that meet on one unit sphere (arXiv 2507.06418)."""

from typing import Literal, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from past.base.errors import ConfigError, require_number
from past.models.past.batch import CellBatch
from past.models.past.cell_encoder import CellEncoder
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.fusion import Add, Concat, CrossAttention, Film, Gated, WeightedAdd
from past.models.past.niche_encoder import NicheEncoder, token_ids
from past.nn.colour import ColourEncoder, ColourGrid
from past.nn.conch import CONCHEncoder
from past.nn.image_encoder import ImageEncoder
from past.nn.layers import Part, ProjectionHead

TEMPERATURES = (0.01, 1.0)


class ImageTower(Protocol):
    """What PAST asks of an image encoder: (B, 3, H, W) crops → (B, width)."""

    width: int

    def __call__(self, crops: torch.Tensor, /) -> torch.Tensor:
        """Return (B, width)."""
        ...


class CellTower(Protocol):
    """What PAST asks of a cell encoder; see CellEncoder and ExpressionEncoder for the shapes."""

    width: int

    def __call__(self, tokens: torch.Tensor, values: torch.Tensor, context_tokens: torch.Tensor, /) -> torch.Tensor:
        """Return (B, width)."""
        ...

    def node_features(self, tokens: torch.Tensor, values: torch.Tensor, /) -> torch.Tensor:
        """Return (B, K, width)."""
        ...


class PASTOutput(NamedTuple):
    """Both embeddings, (B, dim) each of unit norm, and the clamped temperature, a scalar."""

    cells: torch.Tensor
    images: torch.Tensor
    temperature: torch.Tensor


class PASTModel(Part):
    """Two encoders, a niche encoder whose result is fused with the cell's, two projection heads, one temperature.

    Args:
        image_encoder: (B, 3, H, W) → (B, image_encoder.width).
        cell_encoder: a cell's tokens and values → (B, cell_encoder.width).
        niche_encoder: a cell and its neighbours → (B, cell_encoder.width); None: the niche is not used.
        fusion: joins cell and niche; given if and only if `niche_encoder` is.
        dim: of the joint space.
        temperature: at the start; learned, and clamped to [0.01, 1] wherever it is used.
        dropout: of the projection heads.
        niche_features: what a node is: "mean_embedding" of its tokens, or "token_ids" as floats (published).

    Raises:
        ConfigError: parts that do not fit together.
    """

    reads_genes = True

    def __init__(
        self,
        image_encoder: ImageTower,
        cell_encoder: CellTower,
        niche_encoder: NicheEncoder | None = None,
        fusion: nn.Module | None = None,
        *,
        dim: int = 256,
        temperature: float = 0.07,
        dropout: float = 0.1,
        niche_features: Literal["mean_embedding", "token_ids"] = "mean_embedding",
    ) -> None:
        super().__init__()
        if (niche_encoder is None) != (fusion is None):
            raise ConfigError("niche_encoder and fusion belong together: give both, or neither to leave the niche out")
        if niche_encoder is not None and niche_encoder.width != cell_encoder.width:
            raise ConfigError(
                f"niche_encoder.width={niche_encoder.width} is to be the cell encoder's, {cell_encoder.width}"
            )
        if niche_features not in ("mean_embedding", "token_ids"):
            raise ConfigError(f"niche_features={niche_features!r} is not known: use 'mean_embedding' or 'token_ids'")
        require_number("model.dim", dim, least=1)
        require_number("model.temperature", temperature, above=0.0)
        require_number("model.dropout", dropout, least=0.0, most=1.0)
        self.image_encoder = image_encoder
        self.cell_encoder = cell_encoder
        self.niche_encoder = niche_encoder
        self.fusion = fusion
        self.niche_features = niche_features
        self.image_head = ProjectionHead(image_encoder.width, dim, dropout)
        self.cell_head = ProjectionHead(cell_encoder.width, dim, dropout)
        self.temperature = nn.Parameter(torch.tensor([float(temperature)]))  # FSDP shards no scalar

    def encode_image(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, dim) unit vectors of (B, 3, H, W) crops, uint8 or float in [0, 1]."""
        return F.normalize(self.image_head(self.image_encoder(crops)), dim=-1)

    def encode_cell(
        self, tokens: torch.Tensor, values: torch.Tensor, valid: torch.Tensor, context_tokens: torch.Tensor
    ) -> torch.Tensor:
        """Return (B, dim) unit vectors of cells in their niche; the arguments are CellBatch's fields."""
        return F.normalize(self.cell_head(self.fuse(tokens, values, valid, context_tokens)), dim=-1)

    def fuse(
        self, tokens: torch.Tensor, values: torch.Tensor, valid: torch.Tensor, context_tokens: torch.Tensor
    ) -> torch.Tensor:
        """Return (B, cell_encoder.width): the cell's features joined with its niche's."""
        cell = self.cell_encoder(tokens[:, 0], values[:, 0], context_tokens)
        if self.niche_encoder is None or self.fusion is None:
            return cell
        if self.niche_features == "token_ids":
            nodes = token_ids(tokens, self.niche_encoder.width_in).to(values.dtype)
        else:
            nodes = self.cell_encoder.node_features(tokens, values)
        return self.fusion(cell, self.niche_encoder(nodes, valid))

    def forward(self, batch: CellBatch) -> PASTOutput:
        """Embed both sides of a batch."""
        cells = self.encode_cell(batch.tokens, batch.values, batch.valid, batch.context_tokens)
        return PASTOutput(cells, self.encode_image(batch.crops), self.temperature.clamp(*TEMPERATURES)[0])


PARTS = (
    *(PASTModel, CellEncoder, ExpressionEncoder, NicheEncoder),
    *(ImageEncoder, CONCHEncoder, ColourEncoder, ColourGrid),
    *(Add, WeightedAdd, Gated, Film, Concat, CrossAttention),
)
