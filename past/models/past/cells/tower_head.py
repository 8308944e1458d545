"""An image tower with a head of expression on it, to be trained together or the head alone."""

import torch

from past.models.past.cells.head import ExpressionHead
from past.models.past.model import ImageTower
from past.nn.layers import Part


class ImageToExpression(Part):
    """(B, 3, H, W) crops → (B, genes) log1p expression.

    Args:
        image_encoder: the tower; `init.image_encoder` brings that of a trained PAST.
        genes: number of them.
        hidden: width of the head's hidden layer; 0: none.
        dropout: of the hidden layer.
        frozen: whether the tower stays as it is.
    """

    def __init__(
        self, image_encoder: ImageTower, genes: int, hidden: int = 256, dropout: float = 0.2, frozen: bool = True
    ) -> None:
        super().__init__()
        self.image_encoder = image_encoder
        self.frozen = frozen
        self.head = ExpressionHead(image_encoder.width, genes, hidden, dropout)

    def features(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, width), without a gradient where the tower is frozen."""
        if not self.frozen:
            return self.image_encoder(crops)
        with torch.no_grad():
            return self.image_encoder(crops)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, genes)."""
        return self.head(self.features(crops))


PARTS = (ImageToExpression, ExpressionHead)
