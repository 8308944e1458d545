"""Survival as blocks of a page: curves by the training median, scores, differences, gene sets, attention."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from past.base.foreign.arrays import read_parquet
from past.base.text.tables import read_frame
from past.evaluation.results import AGAIN, NOT_AS_WRITTEN, summary_to_draw
from past.evaluation.statistics.kaplan_meier import at_risk, kaplan_meier
from past.evaluation.survival.scores import NAMES
from past.report.blocks import Block, as_table, digits, picture
from past.report.intervals import with_interval
from past.report.survival import Group, attention_figure, gene_set_figure, survival_figure

SUMMARY = "survival.json"
PANELS, TOP_SETS, TICKS = 3, 15, 6
WITH_INTERVAL = ("c", "uno", "brier")  # in the tables of the page; survival.csv has them all
SCORES = (
    "Harrell's C; Uno's C up to 80 % of the follow-up; the Brier score integrated over the same time, an error; AUC "
    "at 1, 3 and 5 years. Of several folds (and seeds) the mean, in brackets its 95 % interval by resampling patients "
    "within folds, after ± the folds' deviation. The log-rank p is of the split at the training patients' median risk; "
    "over several folds it only describes, for their models share patients."
)
PAIRED = (
    "The first less the other, mean over folds, over the same resamplings of patients: 95 % interval, p (twice the "
    "share of resamplings on the rarer side of 0). Of the Brier score, an error, less is better."
)


def blocks(results: Path) -> list[Block]:
    """Return what was judged in `results`; nothing where it was not."""
    if not (results / SUMMARY).is_file():
        return []
    with summary_to_draw(results / SUMMARY) as content:
        return _drawn(results, content)


def _drawn(results: Path, content: dict[str, Any]) -> list[Block]:
    rows, patients = pd.DataFrame(content["rows"]), read_parquet(results / "survival.parquet", *NOT_AS_WRITTEN)
    folds = rows["fold"].map(str)
    whole = rows.loc[folds == "all"] if (folds == "all").any() else rows
    found = [
        _curves(patients, whole),
        Block("Survival: scores", SCORES, table=_scores(whole)),
    ]
    if content["paired"]:
        found.append(Block("Survival: two by two", PAIRED, table=_paired(content["paired"])))
    if len(whole) < len(rows):
        found.append(Block("Survival: fold by fold", "Harrell's C.", table=_by_fold(rows.loc[folds != "all"])))
    text = "Who had slides, gene sets or both; who had neither is left out, and a missing arm is missing, not zero."
    found.append(Block("Survival: patients", text, table=as_table(pd.DataFrame(content["had"]))))
    return [*found, *_gene_sets(results), *_attention(results)]


def _curves(patients: pd.DataFrame, rows: pd.DataFrame) -> Block:
    """Return Kaplan–Meier curves of the first ways, high against low risk."""
    ways = list(dict.fromkeys(patients["by"]))[:PANELS]
    ticks = _ticks(float(patients["time"].max()))
    panels = {}
    for by in ways:
        own = patients.loc[patients["by"] == by]
        p = rows.loc[rows["by"] == by, "log_rank_p"].iloc[0]
        groups = {
            f"{name} risk": _group(own.loc[own["high"] == high], ticks)
            for name, high in (("high", True), ("low", False))
        }
        panels[f"{by}: p {_p(p)}"] = groups
    text = (
        "Kaplan–Meier curves of the patients that folds held out, parted at the median risk of the fold's training "
        "patients; | is where somebody was last seen; p is the log-rank test's."
    )
    return Block("Survival of high and low risk", text, image=picture(survival_figure(panels, ticks)))


def _ticks(longest: float) -> np.ndarray:
    step = next((step for step in (6, 12, 24, 36, 60, 120) if longest / step <= TICKS), longest / TICKS)
    return np.arange(0, longest, step)


def _group(patients: pd.DataFrame, ticks: np.ndarray) -> Group:
    time, event = patients["time"].to_numpy(), patients["event"].to_numpy(dtype=bool)
    curve = kaplan_meier(time, event)
    return Group(curve.times, curve.survival, time[~event], at_risk(time, ticks).tolist())


def _scores(rows: pd.DataFrame) -> str:
    shown: dict[str, Any] = {"by": rows["by"], "patients": rows["patients"], "events": rows["events"]}
    for name in WITH_INTERVAL:
        numbers = rows[[name, f"{name}/low", f"{name}/high"]].astype(float).to_numpy()
        spread = rows[f"{name}/std"].astype(float)
        shown[NAMES[name]] = [
            with_interval(*row, places=3) + ("" if pd.isna(std) else f" ± {std:.3f}")
            for row, std in zip(numbers, spread, strict=True)
        ]
    others = [name for name in NAMES if name not in WITH_INTERVAL]
    shown |= {NAMES[name]: [digits(value, 3) for value in rows[name]] for name in others}
    shown["log-rank p"] = list(map(_p, rows["log_rank_p"]))
    return as_table(pd.DataFrame(shown))


def _by_fold(rows: pd.DataFrame) -> str:
    """Return Harrell's C, a row a way and a column a fold."""
    shown: dict[str, dict[str, Any]] = {}
    for row in rows.to_dict("records"):
        of = shown.setdefault(row["by"], {"by": row["by"]})
        of[f"fold {row['fold']}, {row['events']} events"] = with_interval(row["c"], row["c/low"], row["c/high"], 3)
    return as_table(pd.DataFrame(shown.values()))


def _paired(pairs: list[dict[str, Any]]) -> str:
    shown: dict[tuple[str, str], dict[str, Any]] = {}
    for pair in pairs:
        row = shown.setdefault((pair["by"], pair["other"]), {"first": pair["by"], "other": pair["other"]})
        if pair["score"] in WITH_INTERVAL:
            cell = with_interval(pair["difference"], pair["low"], pair["high"], 3)
            row[NAMES[pair["score"]]] = f"{cell}, p {_p(pair['p'])}"
    return as_table(pd.DataFrame(shown.values()))


def _p(value: Any) -> str:
    return "< 0.0001" if value is not None and value < 1e-4 else digits(value, 4)


def _gene_sets(results: Path) -> list[Block]:
    path = results / "survival_gene_sets.csv"
    table = read_frame(path, AGAIN) if path.is_file() else pd.DataFrame()
    if table.empty:
        return []
    groups = table.groupby("gene_set", sort=False)["risk"]
    moved = pd.DataFrame(
        {
            "mean": groups.apply(lambda risk: risk.abs().mean()),
            "low": groups.quantile(0.25),
            "high": groups.quantile(0.75),
        }
    )
    moved = moved.sort_values("mean", ascending=False).head(TOP_SETS).reset_index()
    text = (
        "By how much the model's risk of held-out patients differs from that with the gene set at the "
        f"training patients' mean: the {len(moved)} that move it most of {groups.ngroups}."
    )
    return [Block("Gene sets", text, image=picture(gene_set_figure(moved)))]


def _attention(results: Path) -> list[Block]:
    path = results / "survival_attention.parquet"
    table = read_parquet(path, *NOT_AS_WRITTEN) if path.is_file() else pd.DataFrame()
    if table.empty:
        return []
    slides = [
        (f"risk {own['risk'].iloc[0]:+.2f}: {own['case_id'].iloc[0]}, {own['slide'].iloc[0]}", own)
        for _, own in table.groupby(["case_id", "slide"], sort=False)
    ]
    text = "Tiles of the patients of the highest and the lowest risk of each fold; light: most attention in its slide."
    return [Block("Where the model looked", text, image=picture(attention_figure(slides[:12])))]
