"""Cells of a slide: each nucleus's surroundings through a trained PAST, its expression, its type, how sure both are."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from anndata import AnnData

from past.base.errors import ConfigError, DataError
from past.base.keys import Keys
from past.base.pictures import reading_order
from past.base.stain import count_values, recolour, stain_table
from past.cells.nuclei import Nuclei
from past.checkpoints.saved import Saved
from past.data.shards.index import ShardIndex
from past.data.shards.splits import split_patients
from past.models.past.cells.head import HeadTraining
from past.models.past.cells.observed import observe
from past.models.past.cells.predictor import CellPredictor, fit_predictor, load_predictor
from past.models.past.cells.retrieval import vote
from past.models.past.model import TEMPERATURES, PASTModel
from past.models.past.tower import trained_past
from past.slides.frozen_encoder import weights_hash
from past.slides.slide import Slide, open_slide

if TYPE_CHECKING:
    from wsidata import WSIData  # type: ignore[import-not-found]

Report = Callable[[int, int], None]
SAMPLED: Final = 200  # crops by which a slide's stain is measured


def predictor_of(
    saved: Saved,
    bank: Path,
    genes: list[str] | None = None,
    patients: list[str] | None = None,
    how: HeadTraining | None = None,
) -> CellPredictor:
    """Return what predicts cells: read from a folder that keeps one, or fitted on the cells of shards.

    Args:
        saved: a trained PAST.
        bank: a folder of `save_predictor`, or of cell shards.
        genes: to predict; None: the most variable.
        patients: of the shards, those to take; None: those that the model was trained on where it says so, else all.
        how: the head is trained.

    Raises:
        DataError: a predictor of another model, or shards that cannot be read.
        ConfigError: genes or patients beside a kept bank.
    """
    model, mark = saved.model, weights_hash(saved.model)
    assert isinstance(model, PASTModel)
    if (bank / "bank.h5ad").is_file():
        if genes or patients:
            raise ConfigError(f"{bank}: a kept bank has its own genes and patients: leave them out, or give its shards")
        found = load_predictor(bank)
        if found.bank.weights != mark:
            raise DataError(f"{bank}: was made by another model than the one given: make it again by that one")
        return found
    index = ShardIndex.read(bank)
    known = [name for name in saved.trained_on.get("patients", ()) if name in index.patients]
    chosen = patients or known or list(index.patients)
    if set(chosen) != set(index.patients):
        others = [name for name in index.patients if name not in chosen]
        index = split_patients(index, others, chosen).train
    heat = float(model.temperature.detach().clamp(*TEMPERATURES))
    return fit_predictor(observe(saved, index), mark, heat, genes, how)


@torch.inference_mode()
def see(
    saved: Saved, slide: Slide, nuclei: Nuclei, batch_size: int = 128, report: Report = lambda *_: None
) -> tuple[np.ndarray, np.ndarray]:
    """Return unit vectors (n, D) and features (n, F) of the crops around nuclei, cut as the training's were.

    Raises:
        DataError: a crop that cannot be read.
    """
    model = saved.model
    assert isinstance(model, PASTModel)
    device = next(model.parameters()).device
    mpp: Any = saved.crops.get("mpp") or slide.mpp
    mpp, px = slide.mpp if mpp == "native" else float(mpp), int(saved.crops.get("px") or 224)  # type: ignore[call-overload]
    order = reading_order(slide.levels[0].picture, nuclei.centres)
    table = _stain(slide, nuclei, px, mpp) if saved.crops.get("normalise_stain") else None
    images, features = [], []
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        crops = np.stack([slide.tile(x, y, px, mpp) for x, y in nuclei.centres[rows].tolist()])
        if table is not None:
            recolour(crops, table)
        seen = model.image_encoder(torch.from_numpy(crops).permute(0, 3, 1, 2).to(device))
        features.append(seen.float().cpu())
        images.append(F.normalize(model.image_head(seen), dim=-1).float().cpu())
        report(min(start + batch_size, len(order)), len(order))
    back = np.argsort(order)
    return torch.cat(images).numpy()[back], torch.cat(features).numpy()[back]


def _stain(slide: Slide, nuclei: Nuclei, px: int, mpp: float) -> np.ndarray:
    histogram = np.zeros((3, 256))
    for row in np.linspace(0, len(nuclei) - 1, min(SAMPLED, len(nuclei))).astype(int).tolist():
        x, y = nuclei.centres[row].tolist()
        count_values(histogram, slide.tile(x, y, px, mpp))
    return stain_table(histogram)


def predict_cells(
    given: "WSIData | str | Path",
    run: str | Path,
    bank: str | Path,
    nuclei: Nuclei | str | Path | None = None,
    *,
    genes: list[str] | None = None,
    patient: str | None = None,
    bank_patients: list[str] | None = None,
    unit: str = "auto",
    segment: str = "classical",
    segment_weights: str | Path | None = None,
    mpp: float | None = None,
    device: str | None = None,
) -> AnnData:
    """Predict the cells of a slide: log1p expression, types, and how much to trust each.

    Args:
        given: a slide's path, or a WSIData.
        run: a trained PAST: a run, a `.ckpt`, or an imported folder.
        bank: training cells in shards, or a folder that `past cells --keep` made.
        nuclei: as they are, a file of them, or None: found by `segment`.
        genes: names; None: the most variable of the bank.
        patient: whose slide it is: refused where the bank holds their cells.
        bank_patients: of the shards, those to take.
        unit: of the nuclei's coordinates: px, um or auto.
        segment: "classical", or "instanseg" with local `segment_weights`.
        segment_weights: a file.
        mpp: µm/px in place of what the file says.
        device: where the model computes; None: a GPU where there is one.

    Raises:
        DataError: nuclei or a bank that cannot be used, or a bank of the patient who is to be predicted.
    """
    from past.cells.reading import read_nuclei
    from past.cells.segment import find_nuclei
    from past.cells.zoo import segmenter
    from past.slides.tiling import slide_of

    slide = open_slide(Path(given), mpp) if isinstance(given, str | Path) else slide_of(given)
    saved = trained_past(Path(run), device)
    predictor = predictor_of(saved, Path(bank), genes, bank_patients)
    predictor.bank.require_apart([patient] if patient else [])
    if nuclei is None:
        weights = Path(segment_weights) if segment_weights else None
        nuclei = find_nuclei(slide, segmenter(segment, weights))
    elif not isinstance(nuclei, Nuclei):
        nuclei = read_nuclei(Path(nuclei), slide, unit)
    return predicted(saved, predictor, slide, nuclei)


def predicted(
    saved: Saved, predictor: CellPredictor, slide: Slide, nuclei: Nuclei, report: Report = lambda *_: None
) -> AnnData:
    """Return the prediction of a slide's cells.

    Returns:
        `X` the mixture's log1p expression; `obs`: type, its share of the neighbours' vote, spread, similarity to the
        nearest training image, `unlike_training` (such cells are marked and their type left empty); `var`: held-out r,
        the share of retrieval, thresholds of stains; `obsm["spatial"]` pixels of level 0.
    """
    images, features = see(saved, slide, nuclei, report=report)
    found = predictor(images, features, np.full(len(nuclei), slide.path.name))
    labels, shares, known = vote(found.found.weights, predictor.bank.obs[Keys.CELL_TYPE].to_numpy(dtype=str))
    unlike = found.found.unlike
    obs = pd.DataFrame(
        {"spread": found.found.spread, "similarity": found.found.similarity, "unlike_training": unlike},
        index=pd.Index(nuclei.names),
    )
    if known:
        obs[Keys.CELL_TYPE] = pd.Categorical(np.where(unlike, "", labels))
        obs["type_share"] = shares.max(axis=1)
    if nuclei.types is not None:
        obs["nucleus_type"] = pd.Categorical(list(nuclei.types))
    table = AnnData(found.mixture, obs=obs, var=predictor.genes.rename_axis(None))
    table.obsm[Keys.SPATIAL] = nuclei.centres
    table.uns[Keys.PAST] = {
        "method": "PAST, bank and head",
        "slide": slide.path.name,
        "mpp": slide.mpp,
        "weights": predictor.bank.weights,
        "bank_cells": len(predictor.bank),
        "bank_patients": list(predictor.bank.patients),
        "neighbours": predictor.k,
        "expression": f"log1p of counts scaled to {predictor.bank.target:g} a cell",
    }
    return table
