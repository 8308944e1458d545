"""Sections of your own in HEST-Bench's layout: one patient left out a fold."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import anndata
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from past.base.crops import cut_crop
from past.base.errors import DataError
from past.base.files import atomic_path, require_free, write_atomically
from past.base.h5ad import new_h5ad
from past.base.keys import Keys
from past.base.text.tables import rows_as_csv
from past.base.variable_genes import DETECTED, by_variance, variance_of
from past.data.sources.platform import FileSource
from past.data.sources.tissue import TissueSection
from past.evaluation.hest.layout import COLUMNS, MADE, fold_genes_file
from past.slides.tiles import write_patches

PX, MPP = 224, 0.5  # the benchmark's: 112 µm
GenesOn = Literal["train", "all"]


def make_task(
    sources: Sequence[FileSource],
    folder: Path,
    *,
    genes: int = 50,
    genes_on: GenesOn = "train",
    report: Callable[[str], None] = lambda section: None,
) -> tuple[str, ...]:
    """Write a task, whole or not at all: splits, patches of 224 px at 0.5 µm/px, h5ad files, gene lists, `task.json`.

    The genes are those of the highest variance of log1p counts, among genes that all sections measure and that a tenth
    of the spots hold: on each fold's training patients ("train"), or on all of them as the library does ("all").

    Args:
        sources: the sections.
        folder: the task's; its name is the task's name.
        genes: how many.
        genes_on: see above.
        report: called with each section's name before it is cut.

    Returns:
        The patients, fold by fold.

    Raises:
        ConfigError: `folder` exists.
        DataError: a section that cannot be read, one patient only, or too few genes.
    """
    require_free(folder)
    measured = _common_genes(sources)
    with atomic_path(folder) as part:
        return _fill(part, folder.name, sources, measured, genes, genes_on, report)


def _fill(
    folder: Path,
    task: str,
    sources: Sequence[FileSource],
    measured: Sequence[str],
    genes: int,
    genes_on: GenesOn,
    report: Callable[[str], None],
) -> tuple[str, ...]:
    patients: dict[str, str] = {}
    counts: dict[str, csr_matrix] = {}
    for source in sources:
        report(source.name)
        section = source.open(measured)
        section.check()
        _write_section(folder, section, measured)
        patients[source.name], counts[source.name] = section.section.patient, section.counts
    folds = tuple(dict.fromkeys(patients.values()))
    if len(folds) < 2:
        raise DataError(f"{task}: all sections are of one patient, {', '.join(folds)}: leaving one out needs two")
    chosen = []
    for k, held in enumerate(folds):
        sides = {
            "test": [name for name, patient in patients.items() if patient == held],
            "train": [name for name, patient in patients.items() if patient != held],
        }
        for side, names in sides.items():
            _write_split(folder / "splits" / f"{side}_{k}.csv", names)
        used = list(counts) if genes_on == "all" else sides["train"]
        chosen.append(_most_variable([counts[name] for name in used], measured, genes, task))
        if genes_on == "train":
            _write_json(fold_genes_file(folder, k), {"genes": chosen[-1]})
    union: list[str] = sorted({gene for of_fold in chosen for gene in of_fold})
    _write_json(folder / "var_50genes.json", {"genes": union if genes_on == "train" else chosen[0]})
    made = {"genes": genes, "genes_on": genes_on, "px": PX, "mpp": MPP, "patients": patients}
    _write_json(folder / MADE, made)
    return folds


def _common_genes(sources: Sequence[FileSource]) -> tuple[str, ...]:
    """Return the genes that every section measures, in the first one's order."""
    common = set.intersection(*(set(source.genes()) for source in sources))
    return tuple(gene for gene in sources[0].genes() if gene in common)


def _write_section(folder: Path, section: TissueSection, genes: Sequence[str]) -> None:
    name, scale = section.section.section, MPP / section.mpp
    crops = (cut_crop(section.image, x, y, PX, scale) for x, y in section.centres)
    write_patches(folder / "patches" / f"{name}.h5", crops, np.rint(section.centres).astype(int), list(section.names))
    obs, var = (pd.DataFrame(index=pd.Index(list(names), dtype=object)) for names in (section.names, genes))
    adata = anndata.AnnData(csr_matrix(section.counts, dtype=np.float32), obs=obs, var=var)
    adata.obsm[Keys.SPATIAL] = section.centres
    known = section.section
    adata.uns[Keys.META] = {
        "patient": known.patient,
        "tissue": known.organ,
        "platform": known.technology,
        "organism": known.species,
        "um_per_px": section.mpp,
    }
    with new_h5ad(folder / "adata" / f"{name}.h5ad", adata):
        pass  # it is whole


def _write_split(path: Path, names: Sequence[str]) -> None:
    rows = [(name, f"patches/{name}.h5", f"adata/{name}.h5ad") for name in names]
    write_atomically(path, rows_as_csv(COLUMNS, rows))


def _most_variable(sections: Sequence[csr_matrix], names: Sequence[str], genes: int, task: str) -> list[str]:
    """Return the names of the `genes` columns that vary most in log1p over all sections' spots, sorted."""
    columns = np.concatenate([section.indices for section in sections])
    logged = np.log1p(np.concatenate([section.data for section in sections]).astype(np.float64))
    spots = sum(len(section.indptr) - 1 for section in sections)
    detected = np.bincount(columns, minlength=len(names)) / spots
    enough = int((detected >= DETECTED).sum())
    if enough < genes:
        raise DataError(f"{task}: only {enough} genes lie in {DETECTED:.0%} of the spots: give --genes less")
    mean, square = (np.bincount(columns, power, minlength=len(names)) / spots for power in (logged, logged**2))
    return sorted(str(names[i]) for i in by_variance(variance_of(mean, square), detected)[:genes])


def _write_json(path: Path, content: object) -> None:
    write_atomically(path, json.dumps(content, indent=1) + "\n")
