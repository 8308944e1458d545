"""`task=survival`: the folds of a cross-validation, each judged on the patients that it held out, and all together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from past.base.errors import require_number
from past.base.h5ad import sha256_of
from past.base.runs import Run
from past.evaluation.results import Results
from past.evaluation.statistics.jackknife import plain
from past.evaluation.statistics.resampling import (
    Averaged,
    Resampled,
    draw,
    interval,
    mean_resampled,
    mean_value,
    p_of_difference,
)
from past.evaluation.survival.attention import attention_table, patients_to_show
from past.evaluation.survival.baselines import COVARIATES, Risks, Side, baselines, together
from past.evaluation.survival.fold import JudgedFold, side_of
from past.evaluation.survival.runs import open_folds
from past.evaluation.survival.scores import NAMES, log_rank, score
from past.evaluation.task import Door, Row

MODEL, JOINED = "model", "model + covariates"
POOLED = "all"


@dataclass(frozen=True)
class Given:
    """The runs of a cross-validation, or one run."""

    run: Run
    folds: list[JudgedFold]


@dataclass(frozen=True)
class Ways:
    """A fold's sides, and the risks of every way: of a model, those of each seed."""

    number: int
    train: Side
    test: Side
    risks: dict[str, list[Risks]]


class SurvivalTask:
    """Scores a model's risks on the patients that each fold held out, beside ridge Cox regressions.

    Args:
        runs: ids of the runs; None: `run_id`'s alone where it is given, else all of that name.
        resamplings: of the patients within their folds, for intervals.
        shown: patients whose attention is kept, of the highest and of the lowest risk.
        seed: of the resamplings.
    """

    name = "survival"

    def __init__(
        self, runs: Sequence[str] | None = None, resamplings: int = 2000, shown: int = 3, seed: int = 0
    ) -> None:
        require_number("task.resamplings", resamplings, least=100)
        require_number("task.shown", shown, least=0)
        self.runs, self.resamplings, self.shown, self.seed = runs, resamplings, shown, seed

    def open(self, config: Mapping[str, Any], door: Door) -> Given:
        """Open the runs and their own data."""
        return Given(*open_folds(config, door, self.runs))

    def origin(self, given: Given) -> dict[str, object]:
        """Return the weights, the patients and the settings."""
        samples = given.folds[0].samples
        columns = samples.columns
        return {
            "end_point": {"time": columns.time, "event": columns.event, "censorship": columns.censorship},
            "weights": {fold.run.directory.name: sha256_of(fold.checkpoint) for fold in given.folds},
            "test": {str(fold.number): fold.test for fold in given.folds},
            "covariates": list(columns.covariates),
            "resamplings": self.resamplings,
            "seed": self.seed,
        }

    def __call__(self, given: Given, results: Results) -> list[Row]:
        """Judge all folds, write `survival.*`; returns what the screen shows of the rows."""
        folds, patients, gene_sets, attention = [], [], [], []
        seeds = list(dict.fromkeys(fold.seed for fold in given.folds))
        for number in dict.fromkeys(fold.number for fold in given.folds):
            own = [fold for fold in given.folds if fold.number == number]
            ways, ablation, tiles = self._fold(own)
            folds.append(ways)
            patients.append(patient_table(ways, own[0]))
            gene_sets.append(ablation)
            attention.append(tiles)
        rows, paired = scored(folds, self.resamplings, self.seed)
        results.write_parquet("survival.parquet", pd.concat(patients))
        results.write_csv("survival_gene_sets.csv", pd.concat(gene_sets))
        results.write_parquet("survival_attention.parquet", pd.concat(attention))
        results.write_csv("survival.csv", pd.DataFrame(rows))
        results.write_summary(
            {
                "rows": rows,
                "paired": paired,
                "had": [row for fold in given.folds if fold.seed == seeds[0] for row in _had(fold)],
            }
        )
        return for_screen(rows)

    def _fold(self, folds: Sequence[JudgedFold]) -> tuple[Ways, pd.DataFrame, pd.DataFrame]:
        """Return the ways of a fold, by how much gene sets move the risk, and the attention of some patients."""
        first = folds[0]
        train, test = side_of(first.samples, first.train), side_of(first.samples, first.test)
        beside = baselines(train, test)
        own, predictions = zip(*(fold.predicted() for fold in folds), strict=True)
        risks = {MODEL: list(own)}
        if COVARIATES in beside:
            risks[JOINED] = [together(one, beside[COVARIATES]) for one in own]
        risks |= {by: [one] for by, one in beside.items()}
        moved = np.mean([one.ablation for one in predictions], axis=0)
        ablation = pd.DataFrame(moved, columns=pd.Index(first.samples.scores.sets)).melt(
            var_name="gene_set", value_name="risk"
        )
        tiles = attention_table(first.samples, predictions[0], patients_to_show(predictions[0], self.shown))
        ways = Ways(first.number, train, test, risks)
        return ways, ablation.assign(fold=first.number), tiles.assign(fold=first.number)


def patient_table(ways: Ways, fold: JudgedFold) -> pd.DataFrame:
    """Return a row a test patient and way: the outcome, the risk, and whether it is above the training median."""
    test, samples = ways.test, fold.samples
    there = {"has_slides": [name in samples.files for name in test.names]}
    there |= {"has_gene_sets": [name in samples.scores.of for name in test.names]}
    return pd.concat(
        pd.DataFrame(
            {"fold": ways.number, "case_id": test.names, "by": by, "time": test.time, "event": test.event}
            | {"risk": together(*risks).test, "high": is_high(risks), **there}
        )
        for by, risks in ways.risks.items()
    )


def is_high(risks: Sequence[Risks]) -> np.ndarray:
    """Return (m,) whether a test patient's risk, the mean of seeds, is above the median of the training side's."""
    whole = together(*risks)
    return whole.test > np.median(whole.train)


def scored(folds: Sequence[Ways], resamplings: int, seed: int) -> tuple[list[Row], list[Row]]:
    """Return a row a way and fold, and a way over all folds; and the first way's lead over every other.

    All ways and folds are resampled by the same draws of patients.
    """
    counts = draw([len(ways.test.names) for ways in folds], resamplings, seed)
    found = [{by: _score(ways, risks) for by, risks in ways.risks.items()} for ways in folds]
    rows, paired = [], []
    names = list(folds[0].risks)
    for by in names:
        high = []
        for ways, own, drawn in zip(folds, found, counts, strict=True):
            high.append(is_high(ways.risks[by]))
            rows.append(_row(ways.number, by, [ways.test], high[-1:], [own[by]], [drawn]))
        if len(folds) > 1:
            rows.append(_row(POOLED, by, [ways.test for ways in folds], high, [own[by] for own in found], counts))
    for by in names[1:]:
        for name in NAMES:
            ours, other = ([own[way][name] for own in found] for way in (names[0], by))
            lead = mean_resampled(ours, counts) - mean_resampled(other, counts)
            low, high_end = interval(lead)
            row = {
                "by": names[0],
                "other": by,
                "score": name,
                "difference": plain(mean_value(ours) - mean_value(other)),
            }
            paired.append(row | {"low": plain(low), "high": plain(high_end), "p": plain(p_of_difference(lead))})
    return rows, paired


def _score(ways: Ways, risks: Sequence[Risks]) -> dict[str, Resampled]:
    """Return the scores of a way, the mean over its seeds."""
    of_seeds = [score(ways.train, ways.test, one) for one in risks]
    return {name: Averaged([own[name] for own in of_seeds]) for name in NAMES}


def _row(
    fold: object,
    by: str,
    sides: Sequence[Side],
    high: Sequence[np.ndarray],
    scores: Sequence[Mapping[str, Resampled]],
    counts: Sequence[np.ndarray],
) -> Row:
    whole = Side(
        tuple(name for side in sides for name in side.names),
        np.concatenate([side.time for side in sides]),
        np.concatenate([side.event for side in sides]),
        *[np.zeros((0, 0))] * 3,
    )
    row: Row = {"fold": fold, "by": by, "patients": len(whole.names), "events": int(whole.event.sum())}
    for name in NAMES:
        own = [one[name] for one in scores]
        low, high_end = interval(mean_resampled(own, counts))
        row |= {name: plain(mean_value(own)), f"{name}/low": plain(low), f"{name}/high": plain(high_end)}
        row[f"{name}/std"] = plain(float(np.nanstd([one.value for one in own]))) if len(own) > 1 else None
    row["log_rank_p"] = plain(log_rank(whole, np.concatenate(high)))
    return row | {"resampled": "patients", "units": len(whole.names)}


def _had(fold: JudgedFold) -> list[Row]:
    """Return how many had what on either side of a fold, and which sites cross it."""
    rows: list[Row] = []
    for side, names in (("training", fold.train), ("test", fold.test)):
        asked = fold.samples.sides.train if side == "training" else fold.samples.sides.test
        slides, sets = ({name for name in names if name in of} for of in (fold.samples.files, fold.samples.scores.of))
        row: Row = {"fold": fold.number, "side": side, "patients": len(names), "both": len(slides & sets)}
        row |= {"slides alone": len(slides - sets), "gene sets alone": len(sets - slides)}
        crossing = ", ".join(fold.samples.sides.crossing) or "none"
        rows.append(row | {"neither": len(asked) - len(names), "sites on both sides": crossing})
    return rows


def for_screen(rows: Sequence[Row]) -> list[Row]:
    """Return what fits a terminal: all folds together, or the one there is."""
    whole = [row for row in rows if row["fold"] == POOLED] or rows
    return [
        {"by": row["by"], "patients": row["patients"], "events": row["events"], "C": row["c"]}
        | {"95 %": None if row["c/low"] is None else f"{row['c/low']:.3f}–{row['c/high']:.3f}"}
        | {"Uno": row["uno"], "Brier": row["brier"], "p": row["log_rank_p"]}
        for row in whole
    ]
