"""`task=zero_shot` and `task=imputation`: STPath on whole slides of which all, or most, spots are masked."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from past.base.errors import ConfigError, DataError, NoSpaceError, PastError, require_number
from past.base.genes import gene_hash, read_genes
from past.base.runs import Run
from past.data.shards.slides import SlideSet
from past.data.shards.splits import split_patients
from past.evaluation.results import Results
from past.evaluation.spots.baselines import Baselines
from past.evaluation.spots.page import drawn_maps
from past.evaluation.spots.prediction import PredictedSlide, SlidePredictor, spot_table
from past.evaluation.spots.scores import SlideScores, by_gene, pooled, score_spots
from past.evaluation.statistics.comparison import compare
from past.evaluation.task import Door, Row
from past.evaluation.trained import data_of, imported_weights, origin_of, trained
from past.models.stpath.predict import Predictor, load_stpath
from past.models.stpath.samples.statistics import SlideStatistics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JudgedSlides:
    """STPath and slides.

    Attributes:
        run: of the training; for imported weights, where their results go.
        checkpoint: file or folder that the model came from.
        model: STPath.
        train: the slides that it was trained on, or that baselines may be fitted on; None: not at hand.
        slides: what it is judged on.
    """

    run: Run
    checkpoint: Path
    model: Predictor
    train: SlideSet | None
    slides: SlideSet


class SlideTask:
    """Predicts slides from a share of their spots' expression, and scores the other spots, the masked ones.

    Beside the model stand the training spots' mean and ridge on the same features, where the training slides are at
    hand, and where spots are measured the nearest ones' mean and the model that is told nothing.

    Args:
        name: of the task: its result files are `<name>.json`, `<name>.csv`, `<name>_genes.parquet` (scores gene by
            gene) and `<name>_spots.parquet` (the model's prediction of every spot).
        mask_ratios: shares of the spots that are masked; 1: all of them.
        tops: how many of the most variable genes a mean is taken over.
        genes: a gene list's file (see `read_genes`) in place of the training slides' most variable genes.
        components: of the PCA before the ridge.
        neighbours: measured spots whose mean is taken.
        seed: of the choice of spots and the clusterings.
    """

    def __init__(
        self,
        name: str,
        mask_ratios: Sequence[float],
        tops: Sequence[int] = (50, 100, 200),
        genes: str | None = None,
        components: int = 256,
        neighbours: int = 4,
        seed: int = 0,
    ) -> None:
        if not mask_ratios or not all(0 < ratio <= 1 for ratio in mask_ratios):
            raise ConfigError(f"task.mask_ratios={list(mask_ratios)}: shares of the spots; use 0 < ratio ≤ 1")
        for key, value in (("components", components), ("neighbours", neighbours)):
            require_number(f"task.{key}", value, least=1)
        for top in tops:
            require_number("task.tops", top, least=1)
        self.name = name
        self.mask_ratios, self.tops, self.genes = tuple(mask_ratios), tuple(tops), genes
        self.components, self.neighbours, self.seed = components, neighbours, seed

    def open(self, config: Mapping[str, Any], door: Door) -> JudgedSlides:
        """Open a training's model and its own slides, or imported weights (`ckpt=FOLDER`) and the slides of `data`."""
        imported, where = imported_weights(config), config["data"]
        if imported:
            run = Run(config["output_root"], self.name, config["run_id"] or imported.resolve().name)
            train, slides = slides_to_judge(where["root"], where["val"], where["train"], config["seed"])
            return JudgedSlides(run, imported, load_stpath(imported), train, slides)
        run, checkpoint = trained(config)
        data = data_of(config, run, door)
        train, slides = (SlideSet(side, data.open_shard) for side in data.split)
        return JudgedSlides(run, checkpoint, load_stpath(checkpoint), train, slides)

    def origin(self, given: JudgedSlides) -> dict[str, object]:
        """Return the weights, the slides and the settings."""
        train = given.train.sections if given.train else None
        weights = given.model.made_with["weights_sha256"]
        return {
            **origin_of(given.checkpoint, weights, given.slides.index.root, given.slides.sections, train),
            "mask_ratios": list(self.mask_ratios),
            "tops": list(self.tops),
            "genes": self.genes and gene_hash(read_genes(Path(self.genes))),
            "components": self.components,
            "neighbours": self.neighbours,
            "seed": self.seed,
        }

    def __call__(self, given: JudgedSlides, results: Results) -> list[Row]:
        """Judge the model on the slides; returns what the screen shows of the rows."""
        model, train, slides = given.model, given.train, given.slides
        genes = self._genes(model, train, slides)
        tops = [top for top in self.tops if top <= len(genes)] or [len(genes)]
        baselines = Baselines.fit(train, genes, self.components) if train else None
        predict = SlidePredictor(model, baselines, slides.index.genes, genes, self.neighbours, self.seed)
        rows, tables, spots, paired = [], [], [], []
        for ratio in self.mask_ratios:
            found = _predicted(predict, slides, ratio, results)
            scored = [slide.spots() for slide in found]
            scored += [pooled(scored)] if len(scored) > 1 else []
            parts = [score_spots(part, genes, tops, self.seed) for part in scored]
            for scores in parts:
                rows += [{"mask_ratio": ratio, **one.row} for one in scores]
                tables += [by_gene(one).assign(mask_ratio=ratio) for one in scores]
                paired += [{"mask_ratio": ratio, **row} for row in _beside_others(scores)]
            spots += [
                spot_table(slide, genes, scores[0].clusters).assign(mask_ratio=ratio)
                for slide, scores in zip(found, parts, strict=False)
            ]
        for kind, frames in (("genes", tables), ("spots", spots)):
            results.write_parquet(f"{self.name}_{kind}.parquet", pd.concat(frames))
        results.write_csv(f"{self.name}.csv", pd.DataFrame(rows))
        for ratio, drawn in drawn_maps(results.folder, self.name):
            results.write(f"{self.name}_{ratio:g}.png", drawn)
        found = {"checkpoint": str(given.checkpoint), "tops": tops, "genes": genes, "rows": rows, "paired": paired}
        results.write_summary(found)
        return for_screen(rows, tops[0])

    def _genes(self, model: Predictor, train: SlideSet | None, slides: SlideSet) -> list[str]:
        """Return the genes that are scored, most variable first."""
        if self.genes is not None:
            genes = list(read_genes(Path(self.genes)))
            absent = [gene for gene in genes if gene not in slides.index.genes]
            if absent:
                raise DataError(f"task.genes={self.genes}: {', '.join(absent[:5])} not measured in {slides.index.root}")
            return genes
        if train is None:
            raise ConfigError("no training slides to choose genes on: give task.genes=FILE, or data.train=[SECTION, …]")
        ranked = (train.index.genes[i] for i in SlideStatistics.of(train).by_variance())
        return [gene for gene in ranked if gene in model.genes][: max(self.tops)]


def _predicted(predict: SlidePredictor, slides: SlideSet, ratio: float, results: Results) -> list[PredictedSlide]:
    """Return the predictions of all slides that can be predicted; the others are noted.

    Raises:
        DataError: none can.
    """
    found = []
    for section in slides.sections:
        try:
            found.append(predict(slides.get(section), ratio))
        except NoSpaceError:
            raise  # the other sections would meet it too
        except (PastError, OSError) as error:
            log.warning("section %s is left out: %s", section, error)
            results.fault(f"section {section}: {error}")
    if not found:
        raise DataError(*results.faults)
    return found


def slides_to_judge(
    root: str | None, val: Sequence[str] | None, train: Sequence[str] | None, seed: int
) -> tuple[SlideSet | None, SlideSet]:
    """Return slides for weights that come without a training's data: those to fit baselines on, and those to judge.

    Args:
        root: directory of the slides.
        val: patients or sections to judge; None: all, and there are none to fit on.
        train: patients or sections to fit on; None: all others.
        seed: as in `split_patients`.

    Raises:
        ConfigError: no directory.
    """
    if root is None:
        raise ConfigError("data.root is not given, and imported weights carry no data: add data.root=SLIDES")
    slides = SlideSet.open(root)
    if val is None:
        return None, slides
    split = split_patients(slides.index, val, train, seed)
    return SlideSet(split.train), SlideSet(split.val)


def _beside_others(scores: Sequence[SlideScores]) -> list[dict[str, object]]:
    """Return for every other way on how many genes the model leads and trails, and by how much over all."""
    ours, *others = [one.genes for one in scores]
    return [found.summary for other in others if (found := compare(ours, other))]


def for_screen(rows: Sequence[Row], top: int) -> list[Row]:
    """Return what fits a terminal: each section and all spots, mean r over the `top` most variable genes."""
    shown: list[Row] = []
    for row in rows:
        low, high = (row[f"pearson@{top}/{end}"] for end in ("low", "high"))
        shown.append(
            {"masked": row["mask_ratio"], "section": row["name"], "by": row["by"]}
            | {"units": f"{row['units']} {row['resampled']}", "genes": row[f"genes@{top}"]}
            | {f"r@{top}": row[f"pearson@{top}"], "95 %": None if low is None else f"{low:.3f}–{high:.3f}"}
        )
    return shown
