"""Patients, when each had the event or was last seen, and the published form of folds; whatever is wrong is named."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from past.base.errors import ConfigError, DataError
from past.base.text.tables import read_words
from past.base.vocabularies import word

log = logging.getLogger(__name__)

CASE, SLIDE, SITE = "case_id", "slide_id", "site"
FEWEST_EVENTS: Final = 10  # of a training side: a model of fewer is of nobody else
CURE = "give a table with a row a patient, or a slide"
TRUTH: Final = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}


@dataclass(frozen=True)
class Columns:
    """What the columns of a patients' table are called.

    Attributes:
        time: until the event or the end of observation, above 0, in months.
        event: 1 where it happened.
        censorship: 1 where it did not; one of the two is given.
        covariates: numbers, such as age.
        missing: what a missing covariate is: None an error, "mean" the training patients' mean.
    """

    time: str = "time"
    event: str | None = None
    censorship: str | None = None
    covariates: Sequence[str] = ()
    missing: str | None = None

    def __post_init__(self) -> None:
        if (self.event is None) == (self.censorship is None):
            raise ConfigError(
                f"data.samples.columns: event={self.event}, censorship={self.censorship}: name one of the two columns"
            )
        if self.missing not in (None, "mean"):
            raise ConfigError(f"data.samples.columns.missing={self.missing}: use null or mean")


@dataclass(frozen=True)
class Patient:
    """One patient.

    Attributes:
        name: the case_id.
        time: months until the event or the end of observation.
        event: whether it happened.
        slides: names of the patient's slides.
        site: where the tissue was taken; "" where nobody says.
        covariates: numbers, NaN where missing.
    """

    name: str
    time: float
    event: bool
    slides: tuple[str, ...] = ()
    site: str = ""
    covariates: tuple[float, ...] = ()


Cohort = dict[str, Patient]  # by name


def read_patients(path: Path, columns: Columns) -> Cohort:
    """Read a CSV table of `case_id`, time, event or censorship, and where there are any `slide_id`, `site`, covariates.

    Patients without a time or an event are left out, with a warning that names them.

    Raises:
        DataError: a column or a patient's name is missing; a time that is not above 0; an event that is not 0 or 1; a
            covariate that is no number; two rows of a patient that say different things; nobody has an event.
    """
    outcome = columns.event or columns.censorship or ""
    rows = read_words(path, [CASE, columns.time, outcome, *columns.covariates], CURE)
    found: Cohort = {}
    unknown = []
    for number, row in enumerate(rows, start=2):
        name = word(row[CASE])
        if name is None:
            raise DataError(f"{path}: line {number} names no {CASE}: give every row one")
        if word(row[columns.time]) is None or word(row[outcome]) is None:
            unknown.append(name)
            continue
        own = _patient(path, name, row, columns)
        known = found.get(name, own)
        if (known.time, known.event, known.site) != (own.time, own.event, own.site) or not np.array_equal(
            known.covariates, own.covariates, equal_nan=True
        ):
            raise DataError(f"{path}: the rows of patient {name} differ in {_difference(known, own)}: make them one")
        slides = dict.fromkeys([*known.slides, *own.slides])
        found[name] = Patient(name, own.time, own.event, tuple(slides), own.site, own.covariates)
    if unknown:
        log.warning("%s: %s", path, _shown("left out, without time or event", unknown))
    if not any(patient.event for patient in found.values()):
        raise DataError(
            f"{path}: all of {len(found)} patients are censored by {outcome}: nothing can be learned; is 1 the event "
            "in it (data.samples.columns.event), or its absence (…columns.censorship)?"
        )
    return found


def _patient(path: Path, name: str, row: dict[str, str], columns: Columns) -> Patient:
    time = _number(path, name, columns.time, row[columns.time])
    if not 0 < time < np.inf:
        raise DataError(
            f"{path}: patient {name} has {columns.time} {time:g}: a time is above 0; mend it or leave the patient out"
        )
    outcome = columns.event or columns.censorship or ""
    said = TRUTH.get(row[outcome].strip().lower())
    if said is None:
        raise DataError(f"{path}: patient {name} has {outcome} {row[outcome]!r:.40}: write 0 or 1")
    event = said if columns.event else not said
    slides = [found] if (found := word(row.get(SLIDE))) else []
    covariates = tuple(_covariate(path, name, column, row[column], columns.missing) for column in columns.covariates)
    return Patient(name, time, event, tuple(slides), word(row.get(SITE)) or "", covariates)


def _covariate(path: Path, name: str, column: str, text: str, missing: str | None) -> float:
    if word(text) is not None:
        return _number(path, name, column, text)
    if missing is None:
        raise DataError(
            f"{path}: patient {name} has no {column}: fill it in, leave the patient or the covariate out, or give "
            "data.samples.columns.missing=mean"
        )
    return float("nan")


def _number(path: Path, name: str, column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"{path}: patient {name} has {column} {text!r:.40}: write a number") from None


def _difference(one: Patient, other: Patient) -> str:
    parts = (part for part in ("time", "event", "site") if getattr(one, part) != getattr(other, part))
    return next(parts, "covariates")


@dataclass(frozen=True)
class Fold:
    """The two sides of a fold.

    Attributes:
        train: names of patients.
        test: names of patients.
        crossing: sites with patients on both sides.
    """

    train: tuple[str, ...]
    test: tuple[str, ...]
    crossing: tuple[str, ...] = ()


def read_fold(path: Path, cohort: Cohort) -> Fold:
    """Read a CSV table of columns `train` and `val`, each of case_ids, and find the sites that cross the fold.

    Raises:
        DataError: a case_id that the cohort does not hold, one on both sides or twice, or an empty side.
    """
    rows = read_words(path, ["train", "val"], "give a table of columns train and val")
    sides = [[name for row in rows if (name := word(row[side]))] for side in ("train", "val")]
    for names, side in zip(sides, ("train", "val"), strict=True):
        strangers = [name for name in names if name not in cohort]
        if strangers:
            raise DataError(f"{path}: {_shown(f'{side} names patients that the cohort does not hold', strangers)}")
        twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if twice:
            raise DataError(f"{path}: {_shown(f'{side} names patients twice', twice)}: name each once")
        if not names:
            raise DataError(f"{path}: nobody in {side}: name patients there")
    both = [name for name in sides[0] if name in sides[1]]
    if both:
        raise DataError(f"{path}: {_shown('on both sides', both)}: a patient trains or is tested")
    crossing = crossing_sites(cohort, *sides)
    if crossing:
        log.warning("%s: %s: scores may flatter", path, _shown("sites on both sides", crossing))
    return Fold(*map(tuple, sides), crossing=crossing)


def crossing_sites(cohort: Cohort, one: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """Return the sites that have patients on both sides, sorted."""
    sites = ({cohort[name].site for name in side} - {""} for side in (one, other))
    return tuple(sorted(set.intersection(*sites)))


def require_events(names: Sequence[str], cohort: Cohort, where: str) -> None:
    """Raise DataError where fewer than FEWEST_EVENTS of these patients have the event."""
    events = sum(cohort[name].event for name in names)
    if events < FEWEST_EVENTS:
        raise DataError(
            f"{where}: {events} of {len(names)} training patients have an event, and fewer than {FEWEST_EVENTS} teach "
            "nothing: bring more patients, or another end point"
        )


def inner_split(
    cohort: Cohort, names: Sequence[str], fraction: float, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Part the training side into who trains and who validates: whole sites, or patients where no sites are known.

    Args:
        cohort: all patients.
        names: of the training side.
        fraction: of its patients to validate on, at least; 0: none.
        seed: of the choice.

    Raises:
        DataError: nobody is left to train.
    """
    group_of = {name: cohort[name].site or name for name in names}
    groups = sorted(set(group_of.values()))
    chosen: set[str] = set()
    for i in np.random.default_rng(seed).permutation(len(groups)):
        if sum(group in chosen for group in group_of.values()) >= fraction * len(names):
            break
        chosen.add(groups[i])
    train = tuple(name for name in names if group_of[name] not in chosen)
    if not train:
        raise DataError(f"data.val={fraction:g}: nobody is left to train on: {len(groups)} sites; give a smaller share")
    return train, tuple(name for name in names if group_of[name] in chosen)


def _shown(what: str, names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return f"{len(unique)} {what} ({', '.join(unique[:5])}{', …' if len(unique) > 5 else ''})"
