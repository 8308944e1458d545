"""STPath on a whole slide: from the features of its tiles to an AnnData that knows its slide."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from anndata import AnnData
from anndata.io import read_elem

from past.base.errors import ConfigError, DataError, reading
from past.base.foreign.hdf5 import open_hdf5
from past.base.keys import Keys
from past.models.stpath.predict import Predictor, load_stpath
from past.models.stpath.spots import Spots
from past.slides.features import SIDE, read_feature_file
from past.slides.slide import Slide
from past.slides.tables import TILE_ID, grid_in, table_of
from past.slides.tiling import TILES, slide_of

if TYPE_CHECKING:
    from wsidata import WSIData  # type: ignore[import-not-found]

METHOD = "STPath"


def predict_features(
    predictor: Predictor,
    slide: Slide,
    name: str,
    features: Path,
    encoder: str,
    spots: Spots | None = None,
    **options: Any,
) -> AnnData:
    """Predict a slide's tiles from the features that `past embed` made of it.

    Args:
        predictor: STPath.
        slide: open.
        name: the slide's, of the library.
        features: the .h5.
        encoder: its name.
        spots: whose tiles they are, where they are spots'.
        options: as `Predictor.predict` takes them.

    Raises:
        DataError: see `Predictor.predict`; or features of another encoder than the weights read.
    """
    predictor.require_encoder(encoder)
    found = read_feature_file(features)
    with open_hdf5(features) as file, reading(features, "not features that 'past embed' made", "make them again"):
        tile_ids: Any = file[TILE_ID]
        side: Any = file["coords"].attrs[SIDE]
        skipped: Any = file["skipped"]
        rows = np.asarray(tile_ids)
        about = table_of(slide, name, rows, int(side), len(skipped))
    if spots is not None:
        about = spots.beside(about, rows, predictor.genes, predictor.asked(options.get("genes")))
    return _predict(predictor, about, found.features, found.coords, encoder, **options)


def is_predicted(path: Path, weights_sha256: str, encoder: str, options: Mapping[str, Any]) -> bool:
    """Whether a slide's prediction is there.

    Args:
        path: of the prediction.
        weights_sha256: of STPath's file.
        encoder: its features' encoder.
        options: as `Predictor.predict` takes them.

    Raises:
        ConfigError: one is there that was made otherwise; it names what differs.
        DataError: something else is there.
    """
    if not path.exists():
        return False
    with open_hdf5(path) as file, reading(path, "not a prediction of 'past predict'", "give another --out"):
        parts: Any = file
        uns: Any = read_elem(parts["uns"])
        var: Any = read_elem(parts["var"])
        said, histo, genes = uns[Keys.PAST], uns["histo"], list(var.index)
    wanted = {
        "weights": (said["weights_sha256"], weights_sha256),
        "encoder": (histo["fm_backbone"], encoder),
        "organ": (histo["organ"], options.get("organ") or "Others"),
        "technology": (histo["tech"], options.get("technology") or "not told"),
        "list of genes": (genes, options.get("genes") or genes),
    }
    for name, (there, asked) in wanted.items():
        if there != asked:
            raise ConfigError(f"{path}: was predicted with another {name}: give another --out, or remove it first")
    return True


def predict_expression(
    wsi: "WSIData",
    weights: str | Path,
    organ: str | None = None,
    technology: str | None = None,
    genes: Sequence[str] | None = None,
    features: str | None = None,
    vocabulary: str | Path | None = None,
    device: str | None = None,
    **options: Any,
) -> AnnData:
    """Predict the expression of a slide's tiles by STPath; also `wsi.tables["stpath_tiles"]`.

    Args:
        wsi: a slide with tiles and their features (`past.tile`, `past.embed`).
        weights: as `load_stpath` takes them.
        organ: STPath's name of it; None: Others.
        technology: STPath's name of it; None: not told.
        genes: names; None: all.
        features: name of the table of features; None: the only one.
        vocabulary: the released `symbol2ensembl.json`, with the released weights.
        device: where to compute; None: the GPU where there is one.
        options: more of `Predictor.predict`.

    Raises:
        DataError: no features, several to choose from, or features of another encoder than the weights read.
    """
    predictor = load_stpath(weights, vocabulary, device=device)
    chosen = features or _only_features(wsi)
    if chosen not in wsi.tables:
        raise DataError(
            f"{wsi.reader.file}: no table {chosen!r}, only {', '.join(wsi.tables) or 'none'}: call past.embed"
        )
    table, grid = wsi.tables[chosen], grid_in(wsi)
    encoder = chosen.removesuffix(f"_{TILES}")
    predictor.require_encoder(encoder)
    tile_ids = table.obs[TILE_ID].to_numpy()
    row_of = {number: row for row, number in enumerate(wsi.shapes[TILES][TILE_ID])}
    lost = [number for number in tile_ids if number not in row_of]
    if lost:
        raise DataError(f"{wsi.reader.file}: features of tile {lost[0]}, which is none of its tiles: embed them again")
    about = table_of(slide_of(wsi), Path(wsi.reader.file).stem, tile_ids, grid.side)
    centres = grid.centres[[row_of[number] for number in tile_ids]]
    made = {"organ": organ, "technology": technology, "genes": genes, **options}
    predicted = _predict(predictor, about, np.asarray(table.X), centres, encoder, **made)
    wsi.tables[f"stpath_{TILES}"] = predicted
    return predicted


def _predict(
    predictor: Predictor, about: AnnData, features: np.ndarray, centres: np.ndarray, encoder: str, **options: Any
) -> AnnData:
    """Predict, the omicverse's words of how in `uns["histo"]`."""
    about.uns["histo"] = {
        "method": METHOD,
        "fm_backbone": encoder,
        "organ": options.get("organ") or "Others",
        "tech": options.get("technology") or "not told",
    }
    predicted = predictor.predict(features, centres, about=about, names=list(about.obs_names), **options)
    assert Keys.SPATIAL in predicted.obsm
    return predicted


def _only_features(wsi: "WSIData") -> str:
    found = [name for name in wsi.tables if name.endswith(f"_{TILES}") and name != f"stpath_{TILES}"]
    if len(found) != 1:
        raise DataError(
            f"{wsi.reader.file}: {len(found)} tables of features ({', '.join(found) or 'none'}): "
            f"{'say which with features=' if found else 'call past.embed first'}"
        )
    return found[0]
