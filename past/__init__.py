"""past: distributed training for reading molecules out of histology (PAST and STPath)."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    "predict_cells": "past.cells.predict",
    "virtual_ihc": "past.ihc.virtual",
}


def embed(
    given: "WSIData | str | Path", encoder: str, weights: str | None = None, device: str | None = None, **options: Any
) -> "AnnData":
    """Make the features of a slide's tiles, also `wsi.tables["<encoder>_tiles"]`; or a section's joint embeddings.

    Args:
        given: a slide with tiles (`past.open_wsi`, `past.tile`); or the path of a section, an .h5ad beside its image,
            whose images become `obsm["X_past"]` and transcriptomes `obsm["X_past_expression"]`.
        encoder: a PAST's run, `.ckpt` or imported folder, the only one for sections; a preset of conf/encoder; or else
            a timm model.
        weights: a file, or "hub"; None: the preset's own, and "hub" for a timm model.
        device: where it computes; None: a GPU where there is one.
        options: of a slide `batch_size` and `workers`, see `past.slides.tables.embed_tiles`; of a section those of
            `past.data.sources.platform.SectionOptions`: `image`, `technology`, ….
    """
    if isinstance(given, str | Path):
        return _embed_section(Path(given), encoder, device, **options)
    from past.config import frozen_encoder
    from past.slides.encoder_files import encoder_name
    from past.slides.tables import embed_tiles

    return embed_tiles(given, frozen_encoder(encoder, weights, device), encoder_name(encoder), **options)


def _embed_section(path: Path, encoder: str, device: str | None, **options: Any) -> "AnnData":
    from tempfile import TemporaryDirectory

    from past.data.sources.anndata import AnnDataSource
    from past.data.sources.platform import SectionOptions
    from past.models.past.sections import SectionEmbedder, SectionToCut
    from past.models.past.tower import trained_past
    from past.slides.encoder_files import encoder_name

    source = AnnDataSource(path, SectionOptions(**options))
    embedder = SectionEmbedder(trained_past(Path(encoder), device), encoder_name(encoder))
    with TemporaryDirectory() as scratch:
        return embedder.table(SectionToCut(source, path, source.genes), Path(scratch) / "shards")


def __getattr__(name: str) -> object:
    """Offer the verbs without importing torch for those who do not ask for it."""
    if name in _OFFERED:
        from importlib import import_module

        return getattr(import_module(_OFFERED[name]), name)
    raise AttributeError(f"module 'past' has no attribute {name!r}")
