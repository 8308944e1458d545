"""What a trained survival model says of patients: risks, survival, attention of tiles, what each gene set adds."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from past.base.errors import CheckpointError
from past.models import load_model
from past.models.survival.batch import BagBatch
from past.models.survival.loss import risk_of
from past.models.survival.model import SurvivalModel


@dataclass(frozen=True)
class Predicted:
    """What is said of n patients.

    Attributes:
        names: the patients'.
        risk: (n,) higher is worse: log hazards, or minus the expected number of intervals that are survived.
        survival: (n, K) probability to survive each interval; None of a model of log hazards.
        ablation: (n, S) by how much the risk is higher than with a gene set at the training mean; S = 0: no molecules.
        attention: patient → (tiles,) shares; only of those with slides.
    """

    names: tuple[str, ...]
    risk: np.ndarray
    survival: np.ndarray | None
    ablation: np.ndarray
    attention: dict[str, np.ndarray]


def risk_of_outputs(outputs: torch.Tensor) -> torch.Tensor:
    """Return (B,) risks of a model's (B, outputs)."""
    return outputs[:, 0] if outputs.shape[1] == 1 else risk_of(outputs)


def load_survival(path: Path, device: str | None = None) -> SurvivalModel:
    """Load a training's checkpoint.

    Raises:
        CheckpointError: missing, broken, or of another model.
    """
    model = load_model(path).model
    if not isinstance(model, SurvivalModel):
        raise CheckpointError(f"{path}: holds a {type(model).__name__}, not a SurvivalModel: give a survival run's")
    return model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))


@torch.no_grad()
def predict_risk(model: SurvivalModel, bags: Iterable[BagBatch]) -> np.ndarray:
    """Return (n,) risks of patients, given in any number of batches."""
    device = model.head.weight.device
    return torch.cat([risk_of_outputs(model(batch.to(device))) for batch in bags]).double().cpu().numpy()


@torch.no_grad()
def predict(model: SurvivalModel, bags: Iterable[BagBatch]) -> Predicted:
    """Predict patients, given in any number of batches; the model is in evaluation mode."""
    names, logits, ablations = [], [], []
    attention: dict[str, np.ndarray] = {}
    for batch in bags:
        own = batch.to(model.head.weight.device)
        tokens = model.tokens(own)
        image, weights = model.image(own, tokens)
        found = model.outputs_of(image, model.molecules(own, tokens))
        names += batch.names
        logits.append(found.double().cpu())
        ablations.append(_ablation(model, own, image, risk_of_outputs(found)).double().cpu())
        if len(weights):
            parts = weights.float().cpu().split(batch.lengths.tolist())
            attention |= {name: part.numpy() for name, part in zip(batch.names, parts, strict=True) if len(part)}
    outputs = torch.cat(logits)
    survival = F.logsigmoid(-outputs).cumsum(1).exp().numpy() if outputs.shape[1] > 1 else None
    return Predicted(tuple(names), risk_of_outputs(outputs).numpy(), survival, torch.cat(ablations).numpy(), attention)


def _ablation(model: SurvivalModel, batch: BagBatch, image: torch.Tensor | None, risk: torch.Tensor) -> torch.Tensor:
    """Return (B, S) by how much the risk falls with one gene set after another at the training mean."""
    if model.gene_set_arm is None:
        return risk.new_zeros(len(risk), 0)
    found = []
    for i, centre in enumerate(model.gene_set_arm.norm.centre):
        scores = batch.gene_sets.clone()
        scores[:, i] = centre
        without = replace(batch, gene_sets=scores)
        tokens = model.tokens(without)
        seen = model.image(without, tokens)[0] if model.pool == "gene_sets" else image
        found.append(risk - risk_of_outputs(model.outputs_of(seen, model.molecules(without, tokens))))
    return torch.stack(found, dim=1)
