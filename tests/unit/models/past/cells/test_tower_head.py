"""A tower with a head."""

import torch

from past.models.past.cells.tower_head import ImageToExpression
from past.nn.colour import ColourGrid


def test_it_is_its_head_on_its_towers_features() -> None:
    torch.manual_seed(0)
    model = ImageToExpression(ColourGrid(2), 5, hidden=4).eval()
    crops = torch.randint(0, 255, (3, 3, 8, 8), dtype=torch.uint8)
    torch.testing.assert_close(model(crops), model.head(model.image_encoder(crops)))
    assert model(crops).shape == (3, 5)
    assert model.config["image_encoder"] == {"part": "ColourGrid", "grid": 2}
