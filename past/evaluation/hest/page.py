"""A benchmark run as blocks of a page: scores, the published leaderboard beside them, figures, what moved them."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from past.base.foreign.arrays import read_parquet
from past.evaluation.hest.summary import AS_THEY_ARE, AVERAGE
from past.evaluation.results import NOT_AS_WRITTEN, summary_to_draw
from past.evaluation.statistics.extremes import extreme_genes
from past.report.blocks import Block, as_table, digits, picture
from past.report.intervals import METHOD, PAIRED, paired_table, stands_on, with_interval
from past.report.maps import gene_strips, only, section_maps, task_bars

SUMMARY = "hest_bench.json"
PUBLISHED = "ridge, 256 components"  # the only protocol that the leaderboard was made with


def blocks(results: Path) -> list[Block]:
    """Return what was judged in `results`; nothing where it was not."""
    if not (results / SUMMARY).is_file():
        return []
    with summary_to_draw(results / SUMMARY) as content:
        return _drawn(results, content)


def _drawn(results: Path, content: dict[str, Any]) -> list[Block]:
    rows, genes = pd.DataFrame(content["rows"]), read_parquet(results / "hest_bench.parquet", *NOT_AS_WRITTEN)
    own = only(rows, images=AS_THEY_ARE)
    return [
        *(_scores(only(rows, images=images), str(images)) for images in dict.fromkeys(rows["images"])),
        _leaderboard(own, content),
        Block("By task", image=picture(task_bars(own.query("task != @AVERAGE")))),
        Block(
            "Genes",
            "Every gene's r, mean over folds.",
            image=picture(gene_strips(only(genes, images=AS_THEY_ARE))),
        ),
        *_paired(content["paired"]),
        *_maps(results, own),
        *_warnings(content, own),
        _versions(content),
    ]


def _scores(rows: pd.DataFrame, images: str) -> Block:
    text = (
        "Pearson r of log1p counts over the pooled test spots of a fold: mean over genes, then folds. "
        "Genes that are measured constant in a fold are left out of it, for all encoders alike; a constant prediction "
        "counts 0. The last columns say on how many genes the mean stands in the fold where they are fewest, and how "
        "many of these are predicted constant where they are most. " + METHOD
    )
    records = rows.to_dict("records")
    shown = rows.assign(
        r=[with_interval(row["pearson_mean_without_nan"], row["low"], row["high"]) for row in records],
        std=rows["pearson_std"].map(digits),
        **{"independent units": list(map(stands_on, records)), "predicted constant": rows["constant_predictions"]},
    )
    columns = ["task", "encoder", "folds", "r", "independent units", "std", "share_above_0.2", "share_above_0.4"]
    columns += ["genes", "predicted constant"]
    return Block(f"Scores, tiles {images}", text, table=as_table(shown.filter(columns)))


def _leaderboard(rows: pd.DataFrame, content: dict[str, Any]) -> Block:
    protocol = content["protocol"]
    if protocol != PUBLISHED:
        return Block("Published leaderboard", f"Made with '{PUBLISHED}'; '{protocol}' is not compared with it.")
    with files("past.evaluation.hest").joinpath("leaderboard.csv").open() as file:
        published = pd.read_csv(file)
    tasks = [name for name in published.columns[2:-1] if name in set(rows["task"])]
    ours, ran = (
        rows.pivot(index="encoder", columns="task", values=values).reindex(columns=tasks)
        for values in ("pearson_mean_without_nan", "folds")
    )
    whole = ran == pd.Series(content["folds"]).reindex(tasks)
    ours["mean"], published["mean"] = (table[tasks].mean(axis=1, skipna=False) for table in (ours, published))
    compared = ours[tasks].where(whole)  # fewer folds are another number than the published
    compared["mean"] = compared.mean(axis=1, skipna=False)
    tasks = [*tasks, "mean"]
    lines: list[dict[str, Any]] = []
    for encoder, values in ours.iterrows():
        lines.append({"encoder": f"{encoder} (here)", **values.map(digits)})
        known = only(published, preset=encoder)
        if len(known):
            lines.append(
                {
                    "encoder": f"{encoder}: here − published",
                    **(compared.loc[encoder] - known.iloc[0][tasks]).map(_signed),
                }
            )
    lines += published.filter(["encoder", *tasks]).to_dict("records")
    text = (
        "HEST-Bench, README of 03.04.26, over the tasks that ran here; Pearson r. "
        "A task of which not all folds ran is not compared."
    )
    return Block("Beside the published leaderboard", text, table=as_table(pd.DataFrame(lines)))


def _paired(pairs: list[dict[str, Any]]) -> list[Block]:
    if not pairs:
        return []
    leading = {"task": "task", "encoder": "encoder", "other": "other"}
    return [Block("Two by two", PAIRED, table=paired_table(pairs, leading))]


def _maps(results: Path, rows: pd.DataFrame) -> list[Block]:
    """Return a figure a task: every test section's best and worst gene, by the task's leading encoder."""
    found = []
    for task in [name for name in dict.fromkeys(rows["task"]) if name != AVERAGE]:
        of_task = only(rows, task=task)
        scores = of_task["pearson_mean_without_nan"].astype(float).dropna()
        if scores.empty:
            continue
        encoder = str(of_task.loc[scores.idxmax(), "encoder"])
        sections = []
        for path in _predictions(results, str(task), encoder):
            table = read_parquet(path, *NOT_AS_WRITTEN)
            genes = [name.removeprefix("truth:") for name in table if str(name).startswith("truth:")]
            for sample, spots in table.groupby("sample", sort=False):
                pair = extreme_genes(spots, genes)
                sections += [(str(sample), spots, pair)] if pair else []
        if sections:
            title = f"{task}: best and worst gene of each section, {encoder}"
            found.append(Block(title, image=picture(section_maps(sections))))
    return found


def _predictions(results: Path, task: str, encoder: str) -> list[Path]:
    """Return the files of an encoder's predictions; none where its name, or the task's, is no folder's there."""
    found = results.glob("*/*/split*/predictions.parquet")
    return sorted(path for path in found if (path.parts[-4], path.parts[-3]) == (task, encoder))


def _warnings(content: dict[str, Any], rows: pd.DataFrame) -> list[Block]:
    found = []
    constant = rows.query("nan_genes != '' and task != @AVERAGE")
    if len(constant):
        shown = constant.filter(["task", "encoder", "nan_genes", "pearson_mean", "pearson_mean_without_nan"])
        text = "The library has no mean over a gene that is measured or predicted the same everywhere in a fold."
        found.append(Block("Constant genes", text, table=as_table(shown)))
    if content["failures"]:
        found.append(Block("What did not run", table=as_table(pd.DataFrame(content["failures"]))))
    leaks = [
        {
            "encoder": encoder,
            "fold": fold,
            "trained on": _exposed(names, content["test_patients_known"][fold]),
        }
        for encoder, folds in content["trained_on_test_patients"].items()
        for fold, names in folds.items()
    ]
    text = "Test patients, or their siblings under other study titles, that an encoder's training data held."
    return [*found, Block("Test patients seen in training", text, table=as_table(pd.DataFrame(leaks)))]


def _exposed(names: list[str] | None, known: bool) -> str:
    if names is None:
        return "not recorded"
    if known:
        return ", ".join(names) or "none"
    return (", ".join(names) or "none of the known siblings") + "; patients otherwise unknown"


def _versions(content: dict[str, Any]) -> Block:
    moved = {key: content[key] for key in ("protocol", "root")} | content.get("versions", {})
    table = pd.DataFrame({"what": list(moved), "value": [str(value) for value in moved.values()]})
    return Block("What moves the numbers", table=as_table(table))


def _signed(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:+.4f}"
