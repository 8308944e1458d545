"""Several runs on one page: what was set differently, how well each did beside chance, and their curves."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from past.base.errors import DataError
from past.base.runs import CONFIG_BYTES, Run, flat
from past.base.text.address import shown
from past.base.text.reading import read_yaml
from past.base.text.words import in_figure
from past.report.blocks import Block, as_table, page, picture
from past.report.html import write_over
from past.report.plots import ACCENT, CHANCE, INK, QUIET, read_metrics

MONITOR = "callbacks.best.monitor"  # the setting that names the metric by which a run's best checkpoint is chosen
MOST_PANELS = 6


@dataclass(frozen=True, eq=False)
class Trained:
    """One run: its settings by dotted names, and what it logged."""

    name: str
    settings: dict[str, str]
    metrics: pd.DataFrame


def write_sweep(directories: Sequence[Path]) -> Path:
    """Write `sweep.html` into the folder that the runs share and return its path.

    They are compared by the metric that most of them have; the page names those that are left out.

    Args:
        directories: of two runs or more.

    Raises:
        DataError: a directory without a run, or no two runs that share a metric.
    """
    given = [read_trained(directory) for directory in directories]
    folder = Path(os.path.commonpath([directory.resolve().parent for directory in directories]))
    metric = max(judged_by(given), key=lambda name: sum(name in run.metrics for run in given))
    runs = [run for run in given if metric in run.metrics]
    if len(runs) < 2:
        raise DataError(f"{folder}: no two of {len(given)} runs share a metric (val/…): give runs that validated")
    left_out = ", ".join(run.name for run in given if run not in runs)
    varied = differences([run.settings for run in runs])
    table = compared(runs, metric, varied)
    shown = table.sort_values("best", ascending=False)
    blocks = [
        Block(
            "Runs",
            text=f"The best {metric} of each run, the update at which it was reached, and chance; the best run first."
            + (f" Left out, without {metric}: {left_out}." if left_out else ""),
            table=as_table(shown, decimals=3),
        ),
        Block("While training", image=picture(curves(runs, metric))),
    ]
    if varied:
        blocks.append(Block("By setting", image=picture(by_setting(table, varied[:MOST_PANELS]))))
    return write_over(folder / "sweep.html", page(f"{folder.name}: {len(runs)} runs", metric, blocks))


def has_training(directory: Path) -> bool:
    """Whether a directory holds what a training logged, and the settings that it had."""
    return (directory / "metrics.csv").is_file() and (directory / "config.yaml").is_file()


def judged_by(runs: Sequence[Trained]) -> list[str]:
    """Return the metrics that runs may be compared by: first those that chose their best checkpoints."""
    validated = [name for run in runs for name in run.metrics if name.startswith("val/") and not name.endswith(CHANCE)]
    return list(dict.fromkeys([*(run.settings.get(MONITOR, "") for run in runs), *validated]))


def read_trained(directory: Path) -> Trained:
    """Read a run's settings and what it logged; DataError where either is missing or cannot be read."""
    run = Run(directory.parent.parent, directory.parent.name, directory.name)
    if not has_training(directory):
        raise DataError(f"{directory}: no metrics.csv and config.yaml there; give the directory of a run")
    own = {
        key: without_run(shown(value), directory)
        for key, value in flat(read_yaml(run.config, "give the directory of a run", CONFIG_BYTES))
    }
    return Trained(run.directory.name, own, read_metrics(run.directory))


def without_run(value: str, directory: Path) -> str:
    """Return a setting with the run id left out of "<name>/<run_id>" (paths) and "<name>-<run_id>" (W&B)."""
    name, run_id = re.escape(directory.parent.name), re.escape(directory.name)
    return re.sub(rf"(?<![\w.+=,-])({name}[/-]){run_id}(?![\w.+=,-])", r"\1…", value)


def differences(settings: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the names of what is not the same in all runs.

    What a configuration repeats (`encoder.name` in `model.image_encoder.name`) is told once, by its shortest name.
    """
    found: dict[tuple[str, ...], str] = {}
    for name in sorted({name for own in settings for name in own}, key=lambda name: (name.count("."), name)):
        values = tuple(own.get(name, "–") for own in settings)
        if name != "run_id" and len(set(values)) > 1:
            found.setdefault((name.rsplit(".", 1)[-1], *values), name)
    return sorted(found.values())


def compared(runs: Sequence[Trained], metric: str, varied: Sequence[str]) -> pd.DataFrame:
    """Return a row a run: its name, what was varied, the best value, the update it is of, and chance if it is known."""
    chance = f"{metric.rsplit('/', 1)[0]}/chance"
    rows: list[dict[str, Any]] = []
    for run in runs:
        row: dict[str, Any] = {"run": run.name, **{name: run.settings.get(name, "–") for name in varied}}
        seen = run.metrics.dropna(subset=metric)
        if len(seen):
            best = seen.loc[seen[metric].idxmax()]
            row |= {"best": best[metric], "update": f"{best['step'] + 1:,.0f}", "chance": best.get(chance, np.nan)}
        rows.append(row)
    columns = ["run", *varied, "best", "update", "chance"]
    return pd.DataFrame(rows).reindex(columns=columns)


def curves(runs: Sequence[Trained], metric: str) -> Figure:
    """Draw the metric of every run over its updates."""
    figure, axis = plt.subplots(figsize=(8, 3.2))
    for run, colour in zip(runs, plt.get_cmap("viridis")(np.linspace(0, 0.9, len(runs))), strict=True):
        points = run.metrics.dropna(subset=metric)
        axis.plot(points["step"], points[metric], color=colour, label=in_figure(run.name), lw=1.3)
    axis.set_xlabel("update")
    axis.set_title(in_figure(metric), loc="left", color=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=7, ncols=1 + len(runs) // 12, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def by_setting(table: pd.DataFrame, varied: Sequence[str]) -> Figure:
    """Draw the best value against each setting: numbers on an axis (logarithmic over a decade), words side by side."""
    figure, axes = plt.subplots(1, len(varied), figsize=(3.2 * len(varied), 3), sharey=True, squeeze=False)
    for axis, name in zip(axes[0], varied, strict=True):
        numbers = _numbers(table[name])
        axis.scatter(table[name].map(in_figure) if numbers is None else numbers, table["best"], color=ACCENT, s=24)
        if numbers is not None and min(numbers) > 0 and max(numbers) >= 10 * min(numbers):
            axis.set_xscale("log")
            axis.xaxis.set_major_formatter("{x:g}")
            axis.xaxis.set_minor_formatter(NullFormatter())
        for chance in set(table["chance"].dropna()):
            axis.axhline(chance, color=QUIET, ls=":")
        axis.set_title(in_figure(name), loc="left", color=INK, fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_ylabel("best (dotted: chance)")
    return figure


def _numbers(words: Iterable[str]) -> list[float] | None:
    """Return settings as numbers, or None if one is not."""
    try:
        return [float(word) for word in words]
    except ValueError:
        return None
