"""past: distributed training for reading molecules out of histology (PAST and STPath)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anndata import AnnData
    from wsidata import WSIData  # type: ignore[import-not-found]

DISTRIBUTION = "past-pathology"
__version__ = "0.1.0"

# Each is imported when it is asked for: `import past` takes no time.
_OFFERED = {
    "load_stpath": "past.models.stpath.predict",
    "open_wsi": "past.slides.tiling",
    "tile": "past.slides.tiling",
    "predict_expression": "past.models.stpath.whole_slide",
}


def embed(
    wsi: "WSIData", encoder: str, weights: str | None = None, device: str | None = None, **options: int
) -> "AnnData":
    """Make the features of a slide's tiles; also `wsi.tables["<encoder>_tiles"]`.

    Args:
        wsi: a slide with tiles (`past.open_wsi`, `past.tile`).
        encoder: a preset of conf/encoder; a PAST's run, `.ckpt` or imported folder; or else a timm model.
        weights: a file, or "hub"; None: the preset's own, and "hub" for a timm model.
        device: where it computes; None: a GPU where there is one.
        options: `batch_size` and `workers`, see `past.slides.tables.embed_tiles`.
    """
    from past.config import frozen_encoder
    from past.slides.frozen_encoder import encoder_name
    from past.slides.tables import embed_tiles

    return embed_tiles(wsi, frozen_encoder(encoder, weights, device), encoder_name(encoder), **options)


def __getattr__(name: str) -> object:
    """Offer the verbs without importing torch for those who do not ask for it."""
    if name in _OFFERED:
        from importlib import import_module

        return getattr(import_module(_OFFERED[name]), name)
    raise AttributeError(f"module 'past' has no attribute {name!r}")
