"""A cohort made up: patients, folds, gene sets, bags of tiles, of which some carry the risk."""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

SETS, GENES, FEATURES = 4, 3, 8


@dataclass(frozen=True)
class Planted:
    """What is made: a table, folds, gene sets and expression, a folder of features, and who carries what.

    Attributes:
        root: the patients' table.
        risk: (n,) log hazards.
        carriers: patient → rows of the tiles that carry the risk.
    """

    root: Path
    risk: np.ndarray
    carriers: dict[str, np.ndarray]

    @property
    def words(self) -> list[str]:
        """What train.py is told of the data, without its arms."""
        folder = self.root.parent
        return [f"data.root={self.root}", f"data.samples.folds='{folder}/fold_{{fold}}.csv'", "data.num_workers=0"]

    @property
    def molecules(self) -> list[str]:
        """… of the gene sets."""
        folder = self.root.parent
        return [f"data.samples.gene_sets={folder}/sets.csv", f"data.samples.expression={folder}/rna.csv"]

    @property
    def image(self) -> list[str]:
        """… of the tiles."""
        return [f"data.samples.features={self.root.parent}/features"]


def plant(
    folder: Path,
    patients: int = 60,
    tiles: tuple[int, int] = (5, 20),
    share: float = 0.2,
    by_tiles: float = 0.0,
    by_genes: float = 2.0,
    folds: int = 3,
    without: tuple[int, int] = (0, 0),
    seed: int = 0,
) -> Planted:
    """Write a cohort.

    Args:
        folder: where.
        patients: their number.
        tiles: of a patient, from and to.
        share: of a patient's tiles that carry the risk.
        by_tiles: how much the risk depends on them.
        by_genes: … and on the first gene set.
        folds: their number.
        without: of this many patients there are no slides, and of this many others no expression.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    (folder / "features").mkdir(parents=True)
    names = [f"P{i:03d}" for i in range(patients)]
    of_tiles, scores = rng.normal(size=patients), rng.normal(size=(patients, SETS))
    risk = by_tiles * of_tiles + by_genes * scores[:, 0]
    time, censored = 20 * rng.exponential(np.exp(-risk)) + 0.1, rng.exponential(60, patients) + 0.1
    rows, carriers = [], {}
    for i, name in enumerate(names):
        row = {"case_id": name, "time": min(time[i], censored[i]), "event": int(time[i] <= censored[i])}
        row |= {"site": f"H{i % 6}", "age": round(60 + 5 * risk[i] + rng.normal(0, 10)), "is_female": i % 2}
        number = int(rng.integers(*tiles)) if i >= without[0] else 0
        features = rng.normal(size=(number, FEATURES)).astype(np.float16)
        carriers[name] = np.sort(rng.permutation(number)[: max(1, round(share * number))])
        features[carriers[name], 0] = 4
        features[carriers[name], 1] = of_tiles[i] * 2
        halves = np.array_split(np.arange(number), 2) if i % 3 == 0 and number else [np.arange(number)]
        for k, own in enumerate(halves):
            slide = f"{name}-{k}.svs" if number else ""
            rows.append(row | {"slide_id": slide})
            if number:
                with h5py.File(folder / "features" / f"{name}-{k}.h5", "w") as file:
                    file["features"], file["coords"] = features[own], np.c_[own % 10, own // 10] * 256
    pd.DataFrame(rows).to_csv(folder / "patients.csv", index=False)
    genes = {f"G{s}{g}": scores[:, s] + rng.normal(0, 0.1, patients) for s in range(SETS) for g in range(GENES)}
    table = pd.DataFrame(genes, index=names).iloc[: patients - without[1]]
    table.to_csv(folder / "rna.csv")
    pd.DataFrame({f"set{s}": [f"G{s}{g}" for g in range(GENES)] for s in range(SETS)}).to_csv(
        folder / "sets.csv", index=False
    )
    for fold in range(folds):
        sides = [[name for i, name in enumerate(names) if (i % folds == fold) == held] for held in (False, True)]
        pd.DataFrame({"train": pd.Series(sides[0]), "val": pd.Series(sides[1])}).to_csv(folder / f"fold_{fold}.csv")
    return Planted(folder / "patients.csv", risk, carriers)
