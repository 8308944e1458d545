"""Who is a benchmark patient: the benchmark's samples and their siblings, which no training set may hold."""

import re
from collections.abc import Iterable

from past.base.errors import ConfigError
from past.base.patients import PatientTable

# The samples, and what the rule of past.base.patients finds beside them in HEST-1k 1.1.0 (tested against it)
BENCHMARK = (
    "INT1-24 MEND139-154 MEND156-162 NCBI642-643 NCBI681-684 NCBI783 NCBI785 TENX95 TENX99 TENX111 TENX115-118 "
    "TENX126 TENX140-141 TENX147-149 ZEN36 ZEN40 ZEN48-49"
)
SIBLINGS = {
    "NCBI784": "NCBI785",
    "TENX97": "TENX95",
    "TENX98": "TENX99",
    **{f"TENX{number}": "TENX149" for number in range(152, 157)},
}
POSSIBLE_SIBLINGS = {"NCBI776": "NCBI785", "TENX114": "TENX111"}


def benchmark_samples() -> frozenset[str]:
    """Return the names of the benchmark's 72 samples."""
    names = set()
    for word in BENCHMARK.split():
        match = re.fullmatch(r"(\D+)(\d+)(?:-(\d+))?", word)
        assert match
        names |= {f"{match[1]}{number}" for number in range(int(match[2]), int(match[3] or match[2]) + 1)}
    return frozenset(names)


def refuse_benchmark(sections: Iterable[str]) -> None:
    """Raise ConfigError where a section is, by its HEST-1k name, of a benchmark patient, or may be."""
    known = {name: f"{name} (in the benchmark)" for name in benchmark_samples()}
    known |= {name: f"{name} (the patient of {of})" for name, of in SIBLINGS.items()}
    known |= {name: f"{name} (perhaps the patient of {of})" for name, of in POSSIBLE_SIBLINGS.items()}
    found = [known[name] for name in sections if name in known]
    if found:
        raise ConfigError(
            f"{len(found)} of the sections are of HEST-Bench's patients: {', '.join(found)}: a model trained on them "
            "cannot be judged there; leave them out, or say --allow-benchmark, which the index records"
        )


def of_test_patient(sample: str, table: PatientTable | None) -> frozenset[str]:
    """Return the samples that are of the patient of `sample`, or may be, itself with them.

    Args:
        sample: judged on.
        table: HEST-1k's patients; None: only the siblings outside the benchmark are known, by SIBLINGS.
    """
    if table is None:
        known = SIBLINGS | POSSIBLE_SIBLINGS
        return frozenset(name for name, of in known.items() if of == sample) | {sample}
    return table.of_one_patient(sample) | set(table.siblings([sample]))
