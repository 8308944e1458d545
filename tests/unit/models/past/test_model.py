from typing import Any

import pytest
import torch

from past.base.errors import ConfigError
from past.models.past.batch import CellBatch
from past.models.past.cell_encoder import CellEncoder
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.fusion import CrossAttention
from past.models.past.loss import soft_target
from past.models.past.model import PASTModel
from past.models.past.niche_encoder import NicheEncoder
from past.models.past.vocabulary import PADDING
from past.nn.colour import ColourEncoder
from past.nn.image_encoder import ImageEncoder

B, K, L, ROWS, WIDTH = 6, 4, 9, 60, 16


def batch() -> CellBatch:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(30, ROWS, (B, K, L), generator=generator)
    tokens[:, :, 6:] = PADDING
    return CellBatch(
        crops=torch.randint(0, 256, (B, 3, 32, 32), dtype=torch.uint8, generator=generator),
        tokens=tokens,
        values=torch.rand(B, K, L, generator=generator) * (tokens != PADDING),
        valid=torch.arange(K) < torch.tensor([4, 4, 2, 1, 3, 4])[:, None],
        context_tokens=torch.tensor([[4, 9, 5]]).repeat(B, 1),
        positions=torch.zeros(B, K, 2),
        keys=[str(i) for i in range(B)],
        meta=[{} for _ in range(B)],
    )


def fitted_colour() -> ColourEncoder:
    encoder = ColourEncoder()
    encoder.fit([batch().crops])
    return encoder


def fitted_expression() -> ExpressionEncoder:
    encoder, cells = ExpressionEncoder(ROWS, width=WIDTH), batch()
    encoder.fit([(cells.tokens.flatten(0, 1), cells.values.flatten(0, 1))])
    return encoder


def model(cells: str = "transformer", image: str = "timm", niche: bool = True, **changes: Any) -> PASTModel:
    torch.manual_seed(0)
    options = {"img_size": 32, "patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2}
    images = {
        "timm": lambda: ImageEncoder("vit_tiny_patch16_224", options=options),
        "colour": fitted_colour,
    }
    encoders = {
        "transformer": lambda: CellEncoder(ROWS, context=12, width=WIDTH, layers=1, heads=2, feedforward=20),
        "expression": fitted_expression,
    }
    around = (NicheEncoder(WIDTH, hidden=8, width=WIDTH), CrossAttention(WIDTH)) if niche else ()
    return PASTModel(images[image](), encoders[cells](), *around, dim=10, **changes)


KINDS = pytest.mark.parametrize(
    ("cells", "image", "niche"),
    [("transformer", "timm", True), ("expression", "colour", True), ("transformer", "colour", False)],
)


@KINDS
def test_every_parameter_learns_and_embeddings_lie_on_the_sphere(cells: str, image: str, niche: bool) -> None:
    past = model(cells, image, niche)
    out = past(batch())
    assert out.cells.shape == out.images.shape == (B, 10)
    for side in (out.cells, out.images):
        torch.testing.assert_close(side.norm(dim=1), torch.ones(B))
    soft_target(out.cells, out.images, out.temperature).backward()
    assert [name for name, value in past.named_parameters() if value.grad is None] == []  # DDP would hang on these


@KINDS
def test_bfloat16_autocast_stays_close(cells: str, image: str, niche: bool) -> None:
    past = model(cells, image, niche).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = past(batch())
    full = past(batch())
    for own, expected in ((low.cells, full.cells), (low.images, full.images)):
        assert (own.float() * expected).sum(1).min() > 0.995


def test_the_temperature_is_clamped_where_it_is_used() -> None:
    for start, used in ((5.0, 1.0), (0.0001, 0.01), (0.07, 0.07)):
        assert model(temperature=start)(batch()).temperature.item() == pytest.approx(used)


def test_neighbours_matter_only_where_the_niche_is_used() -> None:
    changed = batch()
    changed.tokens[0, 1] = 31
    moved = {}
    for niche in (True, False):
        past = model(niche=niche).eval()
        moved[niche] = (past(changed).cells - past(batch()).cells).abs().amax(dim=1)
    assert moved[True][0] > 1e-5
    assert (moved[True][1:] < 1e-6).all()
    assert (moved[False] < 1e-6).all()


def test_token_ids_as_nodes_ignore_the_embeddings() -> None:
    past = model(niche=False)
    past = PASTModel(
        past.image_encoder,
        past.cell_encoder,
        NicheEncoder(12, hidden=8, width=WIDTH),
        CrossAttention(WIDTH),
        niche_features="token_ids",
    )
    assert past(batch()).cells.isfinite().all()


def test_parts_that_do_not_fit_are_refused() -> None:
    image, cell = ColourEncoder(), ExpressionEncoder(ROWS, width=WIDTH)
    with pytest.raises(ConfigError, match="belong together"):
        PASTModel(image, cell, NicheEncoder(WIDTH, width=WIDTH))
    with pytest.raises(ConfigError, match=r"niche_encoder\.width=8 .* 16"):
        PASTModel(image, cell, NicheEncoder(WIDTH, width=8), CrossAttention(WIDTH))
    with pytest.raises(ConfigError, match="niche_features='edges'"):
        PASTModel(image, cell, niche_features="edges")  # type: ignore[arg-type]
