"""Which samples of HEST-1k are of one patient, joined across study titles.

The rule. Two samples are of one patient where any of these agree:
1. the study title (without a trailing "[Xenium]", "[Visium]", …) and the patient's label;
2. the study's link and the patient's label;
3. both are of 10x Genomics' own data sets (TENX…), of one organ, with one patient label: HEST numbers these patients
   per organ over all titles (so TENX95 and TENX97 are of one block under two titles).
A label is compared without case and spaces. It joins too much rather than too little: a false sibling costs a sample of
pretraining, a missed one costs the benchmark. A sample without a label is a patient of its own, but in a study of a
benchmark sample it may be anybody's, and counts as a possible sibling.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from past.base.text.tables import read_words
from past.base.vocabularies import word

COLUMNS = ("id", "dataset_title", "patient", "organ", "study_link")


@dataclass(frozen=True)
class PatientTable:
    """HEST-1k's samples by patient.

    Attributes:
        patients: sample → patient, named by the patient's first sample and its label ("TENX95: patient 2").
        studies: sample → study title without its bracket.
        labelled: samples whose patient is recorded.
    """

    patients: Mapping[str, str]
    studies: Mapping[str, str]
    labelled: frozenset[str]

    def of_one_patient(self, sample: str) -> frozenset[str]:
        """Return all samples of the patient of `sample`, itself with them."""
        patient = self.patients.get(sample)
        return frozenset(name for name, owner in self.patients.items() if owner == patient) | {sample}

    def siblings(self, benchmark: Iterable[str]) -> tuple[str, ...]:
        """Return the samples outside `benchmark` that are, or may be, of one of its patients, sorted by name.

        One that is not in `labelled` may be: its patient is not recorded, and its study is one of the benchmark's.
        """
        inside = [sample for sample in benchmark if sample in self.patients]
        patients, studies = ({of[sample] for sample in inside} for of in (self.patients, self.studies))
        outside = sorted(set(self.patients) - set(inside), key=_natural)
        return tuple(
            sample
            for sample in outside
            if self.patients[sample] in patients or (sample not in self.labelled and self.studies[sample] in studies)
        )


def read_patient_table(path: Path) -> PatientTable:
    """Read HEST-1k's metadata (`HEST_v1_1_0.csv`).

    Raises:
        DataError: missing, or without the columns that the rule reads.
    """
    rows = read_words(path, COLUMNS, "give HEST-1k's metadata csv")
    labels = {row["id"]: re.sub(r"\s", "", word(row["patient"]) or "").lower() for row in rows}
    studies = {row["id"]: study_of(row["dataset_title"]) for row in rows}
    first: dict[tuple[str, ...], str] = {}
    joined = {row["id"]: row["id"] for row in rows}
    for row in rows:
        sample, label, link = row["id"], labels[row["id"]], word(row["study_link"])
        if not label:
            continue
        keys = [("title", studies[sample], label)]
        keys += [("link", link, label)] if link else []
        keys += [("10x", row["organ"], label)] if sample.startswith("TENX") else []
        for key in keys:
            _join(joined, first.setdefault(key, sample), sample)
    named = {row["id"]: word(row["patient"]) or "patient not recorded" for row in rows}
    roots = {sample: _root(joined, sample) for sample in joined}
    patients = {sample: f"{root}: {named[root]}" for sample, root in roots.items()}
    return PatientTable(patients, studies, frozenset(sample for sample, label in labels.items() if label))


def study_of(title: str) -> str:
    """Return a study's title without its trailing "[Xenium]"."""
    return re.sub(r"\s*\[[^\]]*\]\s*$", "", title).strip()


def _root(joined: dict[str, str], sample: str) -> str:
    while joined[sample] != sample:
        sample = joined[sample]
    return sample


def _join(joined: dict[str, str], one: str, other: str) -> None:
    joined[_root(joined, other)] = _root(joined, one)


def _natural(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\D*)(\d+)", name)
    return (match[1], int(match[2])) if match else (name, 0)
