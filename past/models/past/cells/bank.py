"""The bank: training cells by their places on the shared sphere, with what they express, what they are, whose."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from anndata import AnnData

from past.base.errors import DataError, reading
from past.base.h5ad import new_h5ad, read_adata, require_inside
from past.base.keys import Keys
from past.models.past.cells.observed import COLUMNS, ObservedCells, centred_units, log_expression, usual_total
from past.models.past.cells.search import nearest_keys

METHOD: Final = "a bank of training cells"
CURE: Final = "make it again with 'past cells --keep FOLDER'"
RARE: Final = 0.005  # share of the training cells that would be called unlike the others
SAMPLED: Final = 5_000  # cells by which that limit is found


@dataclass(frozen=True)
class Bank:
    """n training cells.

    Attributes:
        keys: (n, D) float32 unit vectors of their transcriptomes, less their sections' means (see `centred_units`).
        images: (n, D) float32 unit vectors of their crops.
        expression: (n, G) log1p of counts scaled to `target`.
        genes: (G,) names.
        obs: section, patient and cell_type of each.
        target: sum that a cell's counts are scaled to.
        weights: hash of the model that placed them.
        temperature: of that model.
        limit: similarity of an image to the nearest training image below which it is unlike them all.
    """

    keys: np.ndarray
    images: np.ndarray
    expression: sp.csr_matrix
    genes: tuple[str, ...]
    obs: pd.DataFrame
    target: float
    weights: str
    temperature: float
    limit: float

    @staticmethod
    def of(cells: ObservedCells, weights: str, temperature: float, target: float | None = None) -> "Bank":
        """Return the bank of observed cells; `target`: None: their median sum of counts."""
        scale = target or usual_total(cells.counts)
        obs: Any = cells.obs[list(COLUMNS)]
        limit = _limit(cells.images, cells.column("patient"), cells.column("section"))
        expression = log_expression(cells.counts, scale)
        keys = centred_units(cells.cells, cells.column("section"))
        return Bank(keys, cells.images, expression, cells.genes, obs, scale, weights, temperature, limit)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def patients(self) -> tuple[str, ...]:
        """Whose cells they are, sorted."""
        return tuple(sorted(set(self.obs["patient"]) - {""}))

    @cached_property
    def sections(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) number of each cell's section, and (sections, G) bool: which genes any cell of it holds."""
        names, number = np.unique(self.obs["section"].to_numpy(dtype=str), return_inverse=True)
        one: Any = sp.csr_matrix((np.ones(len(self)), (number, np.arange(len(self)))), shape=(len(names), len(self)))
        return number, (one @ self.expression).toarray() > 0

    def require_apart(self, patients: Collection[str], sections: Collection[str] = ()) -> None:
        """Raise DataError where cells of a patient, or section, that is to be predicted are in the bank: a leak."""
        own = sorted(set(self.patients) & set(patients)) or sorted(set(self.obs["section"]) & set(sections))
        if own:
            raise DataError(
                f"the bank holds cells of {', '.join(own[:3])}, who is to be predicted: they would find themselves; "
                "give a bank of other patients (--bank-patients names those to take)"
            )

    def of_patients(self, patients: Collection[str]) -> "Bank":
        """Return the part of some patients; the limit stays.

        Raises:
            DataError: a patient who is not in it.
        """
        absent = sorted(set(patients) - set(self.patients))
        if absent:
            raise DataError(f"the bank has no patient {absent[0]}: it has {', '.join(self.patients)}")
        rows = np.flatnonzero(self.obs["patient"].isin(list(patients)).to_numpy())
        expression: Any = self.expression
        return Bank(
            self.keys[rows], self.images[rows], sp.csr_matrix(expression[rows]), self.genes, self.obs.iloc[rows],
            self.target, self.weights, self.temperature, self.limit,
        )  # fmt: skip


def _limit(images: np.ndarray, patients: np.ndarray, sections: np.ndarray) -> float:
    """Return the similarity to the nearest image of another patient (of one patient: section) that few stay below."""
    groups = next((names for names in (patients, sections) if len(np.unique(names)) > 1), None)
    rows = np.linspace(0, len(images) - 1, min(SAMPLED, len(images))).astype(int)
    every, similar = torch.from_numpy(images), np.full(len(rows), np.nan)
    if groups is None:
        if len(images) < 2:
            return -1.0
        similar = nearest_keys(every[rows], every, 2)[0][:, 1].numpy()
    else:
        for group in np.unique(groups):
            own, others = groups[rows] == group, np.flatnonzero(groups != group)
            if own.any():
                similar[own] = nearest_keys(every[rows[own]], every[others], 1)[0][:, 0].numpy()
    return float(np.quantile(similar, RARE))


def write_bank(path: Path, bank: Bank) -> None:
    """Write a bank as .h5ad, whole or not at all.

    Raises:
        NoSpaceError: the disk is full.
    """
    table = AnnData(bank.expression, obs=bank.obs, var=pd.DataFrame(index=pd.Index(bank.genes)))
    table.obsm[Keys.TRANSCRIPTOMES], table.obsm[Keys.IMAGES] = bank.keys, bank.images
    numbers = {name: getattr(bank, name) for name in ("target", "weights", "temperature", "limit")}
    table.uns[Keys.PAST] = {"method": METHOD, **numbers}
    with new_h5ad(path, table):
        pass


def read_bank(path: Path) -> Bank:
    """Read what `write_bank` wrote.

    Raises:
        DataError: missing, or no bank.
    """
    table = read_adata(path)
    with reading(path, "not a bank of cells", CURE):
        said: Any = table.uns[Keys.PAST]
        if said["method"] != METHOD:
            raise DataError(f"{path}: holds {said['method']}, not {METHOD}: {CURE}")
        obs = pd.DataFrame({name: table.obs[name].astype(str) for name in COLUMNS})
        keys, images = (
            np.ascontiguousarray(table.obsm[name], np.float32) for name in (Keys.TRANSCRIPTOMES, Keys.IMAGES)
        )
        return Bank(
            keys, images, sp.csr_matrix(require_inside(table.X, str(path))), tuple(map(str, table.var_names)), obs,
            float(said["target"]), str(said["weights"]), float(said["temperature"]), float(said["limit"]),
        )  # fmt: skip
