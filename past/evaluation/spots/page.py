"""Zero-shot prediction and imputation of slides, as blocks of a run's page: scores, maps of truth beside prediction."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from past.base.foreign.arrays import read_parquet
from past.evaluation.results import NOT_AS_WRITTEN, summary_to_draw
from past.evaluation.statistics.extremes import extreme_genes
from past.report.blocks import Block, as_table, digits, picture
from past.report.intervals import METHOD, PAIRED, paired_table, stands_on, with_interval
from past.report.maps import cluster_maps, only, section_maps, task_bars
from past.report.plots import png

SHOWN = 40  # sections in a figure; the tables hold all
AGREEMENT = ("ari", "ami", "nmi", "homogeneity")


def blocks(results: Path) -> list[Block]:
    """Return what was judged in `results`; nothing where it was not."""
    found = []
    for path in sorted(results.glob("*_spots.parquet")):  # a `SlideTask` writes it under its name, and its summary last
        task = path.stem.removesuffix("_spots")
        if (results / f"{task}.json").is_file():
            with summary_to_draw(results / f"{task}.json") as content:
                found += _task(results, content, task, task.replace("_", "-").capitalize())
    return found


def drawn_maps(results: Path, task: str) -> Iterator[tuple[float, bytes]]:
    """Yield (mask ratio, PNG): truth and prediction of each section's best and worst gene, SHOWN sections at most."""
    for ratio, spots in _by_ratio(results, task):
        figure = _gene_maps(spots)
        if figure is not None:
            yield ratio, png(figure)


def _task(results: Path, content: dict[str, Any], task: str, title: str) -> list[Block]:
    rows, tops = pd.DataFrame(content["rows"]), content["tops"]
    text = (
        f"Pearson r of log1p counts over the masked spots, mean over the {tops[0]} most variable of "
        f"{len(content['genes'])} genes; mean squared error; agreement of clusters (PCA, 30 neighbours, Leiden) of "
        "measured and predicted expression. Genes that are measured constant are left out for all; a constant "
        f"prediction counts 0. The column of genes says on how many the mean over {tops[0]} stands, and how many of "
        f"these are predicted constant. {METHOD}"
    )
    found = [Block(title, text, table=_scores(rows, tops))]
    for ratio, of_ratio in rows.groupby("mask_ratio", sort=False):
        bars = _bars(of_ratio, f"pearson@{tops[0]}")
        if len(bars):
            found.append(Block(_named(title, "by section", ratio), image=picture(task_bars(bars))))
    for ratio, spots in _by_ratio(results, task):
        figure = _gene_maps(spots)
        if figure is not None:
            found.append(Block(_named(title, "best and worst gene of each section", ratio), image=picture(figure)))
        sections = [(str(name), own) for name, own in spots.groupby("sample", sort=False)]
        found.append(Block(_named(title, "clusters", ratio), image=picture(cluster_maps(sections))))
    if content["paired"]:
        leading = {"mask_ratio": "masked", "task": "section", "encoder": "first", "other": "other"}
        found.append(Block(f"{title}: two by two", PAIRED, table=paired_table(content["paired"], leading)))
    return found


def _scores(rows: pd.DataFrame, tops: list[int]) -> str:
    shown: dict[str, Any] = {"masked": rows["mask_ratio"], "section": rows["name"], "by": rows["by"]}
    shown["spots"] = rows["spots"]
    for top in tops:
        ends = rows[[f"pearson@{top}", f"pearson@{top}/low", f"pearson@{top}/high"]].astype(float)
        shown[f"r@{top}"] = [with_interval(*row) for row in ends.to_numpy()]
    first = f"pearson@{tops[0]}/low"
    shown["independent units"] = [stands_on({**row, "low": row[first]}) for row in rows.to_dict("records")]
    shown["genes"] = [
        f"{genes} ({constant} constant)" if constant else str(genes)
        for genes, constant in rows[[f"genes@{tops[0]}", f"constant_predictions@{tops[0]}"]].to_numpy()
    ]
    shown["error²"] = rows[f"l2@{tops[0]}"].map(digits)
    shown |= {name: rows[name].astype(float).map(digits) for name in AGREEMENT}
    return as_table(pd.DataFrame(shown))


def _bars(rows: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return a score and its interval under the names that `task_bars` reads, where there is one."""
    columns = {"name": "task", "by": "encoder", score: "pearson_mean_without_nan"}
    columns |= {f"{score}/low": "low", f"{score}/high": "high"}
    return _first(rows.rename(columns=columns).dropna(subset=["pearson_mean_without_nan"]), "task")


def _first(frame: pd.DataFrame, sections: str) -> pd.DataFrame:
    """Return the rows of the first sections, as many as figures show."""
    names = list(dict.fromkeys(frame[sections]))[:SHOWN]
    return pd.DataFrame(frame[frame[sections].isin(names)])


def _named(title: str, what: str, ratio: object) -> str:
    return f"{title}, {what}" if ratio == 1 else f"{title}, {what}, {ratio:.0%} masked"


def _by_ratio(results: Path, task: str) -> list[tuple[float, pd.DataFrame]]:
    """Return (mask ratio, spots) of the sections that figures show."""
    spots = _first(read_parquet(results / f"{task}_spots.parquet", *NOT_AS_WRITTEN), "sample")
    return [(ratio, only(spots, mask_ratio=ratio)) for ratio in dict.fromkeys(spots["mask_ratio"].tolist())]


def _gene_maps(spots: pd.DataFrame) -> Figure | None:
    genes = [name.removeprefix("truth:") for name in spots if str(name).startswith("truth:")]
    sections = []
    for name, own in spots.groupby("sample", sort=False):
        pair = extreme_genes(own, genes)
        sections += [(str(name), own, pair)] if pair else []
    return section_maps(sections) if sections else None
