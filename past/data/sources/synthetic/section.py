"""Synthetic patients and their sections: a source like any other, made from seeds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from scipy.sparse import csr_matrix

from past.base.genes import gene_map
from past.data.shards.records import Section
from past.data.sources.synthetic import expression, histology, layout, profiles
from past.data.sources.tissue import TissueSection

ORGAN: Final = "synthetic breast"
TECHNOLOGY: Final = "Xenium"
SPECIES: Final = "Homo sapiens"
_AREA = 1350.0  # µm² of tissue a recorded cell: about one nucleus in four is recorded
_MARGIN = 56.0  # µm around the recorded cells, so that their crops are full of tissue


@dataclass(frozen=True)
class SyntheticSource:
    """One section of one synthetic patient; patients differ in stain, expression, tumour and inflammation.

    Attributes:
        patient: number of the patient, from 0.
        number: number of the section within the patient, from 0.
        cells: recorded cells; the section's area follows.
        seed: of the set.
    """

    patient: int
    number: int = 0
    cells: int = 600
    seed: int = 0

    @property
    def name(self) -> str:
        """The section's name."""
        return f"{self.patient_name}S{self.number + 1}"

    @property
    def patient_name(self) -> str:
        """The patient's name."""
        return f"P{self.patient + 1:02d}"

    @property
    def side(self) -> float:
        """µm of the square that it is."""
        return float(np.ceil(np.sqrt(self.cells * _AREA) + 2 * _MARGIN))

    def origin(self) -> dict[str, object]:
        """Return the numbers that the section follows from."""
        return asdict(self)

    def nuclei(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the places of all its nuclei, recorded or not: (n, 2) pixels of its image, and their types' names."""
        plan = self._planned()[1]
        return plan.places / histology.MPP, np.array(profiles.NAMES)[plan.types]

    def _planned(self) -> tuple[np.random.Generator, layout.Layout, histology.Stain, np.ndarray]:
        of_patient = np.random.default_rng([self.seed, self.patient])
        stain, levels = histology.draw_stain(of_patient), expression.patient_levels(of_patient)
        tumour, immune = of_patient.uniform(0.3, 0.5), of_patient.lognormal(0, 0.4)
        rng = np.random.default_rng([self.seed, self.patient, self.number + 1])
        return rng, layout.plan_section(rng, self.side, tumour, immune), stain, levels

    def open(self, genes: Sequence[str] = profiles.GENES) -> TissueSection:
        """Make the section, its counts over `genes`."""
        rng, plan, stain, levels = self._planned()
        side = self.side
        image = histology.render(rng, plan, stain)
        counts = expression.draw_counts(rng, plan, levels)
        column = gene_map(genes, profiles.GENES)
        within = np.flatnonzero(((plan.places > _MARGIN) & (plan.places < side - _MARGIN)).all(axis=1))
        kept = np.sort(rng.choice(within, min(self.cells, len(within)), replace=False))
        return TissueSection(
            section=Section(self.name, self.patient_name, ORGAN, TECHNOLOGY, SPECIES),
            image=image,
            mpp=histology.MPP,
            centres=plan.places[kept] / histology.MPP,
            counts=csr_matrix(np.where(column >= 0, counts[kept][:, column], 0).astype(np.float32)),
            names=[f"cell{i:06d}" for i in kept],
            cell_types=[profiles.NAMES[kind] for kind in plan.types[kept]],
        )
