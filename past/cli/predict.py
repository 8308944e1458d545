"""`past predict`: expression of a slide's tiles, or of measured spots at their own places."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from past.base.errors import ConfigError, DataError
from past.base.files import require_free
from past.cli.embed import Share, SlideOptions
from past.cli.options import takes_groups
from past.cli.screen import say, sections_bar
from past.cli.spots import SpotOptions, read_sample

if TYPE_CHECKING:
    from past.models.stpath.predict import Predictor
    from past.slides.cohort import CohortSlide, Outcome
    from past.slides.embedder import SlideEmbedder

STATED = ("organ", "technology")  # what a table of slides may say of each


@dataclass(frozen=True)
class PassOptions:
    """How STPath predicts."""

    organ: Annotated[str | None, typer.Option(help="STPath's name of the organ; else Others.")] = None
    technology: Annotated[str | None, typer.Option(help="STPath's name of it; else not told.")] = None
    genes: Annotated[str | None, typer.Option(help="Names parted by commas; else all.")] = None
    steps: Annotated[int, typer.Option(help="Passes; above 1 the surest predictions are told in the next.")] = 1
    samples: Annotated[int, typer.Option(help="Above 1: passes under dropout; their spread is layers['std'].")] = 1
    chunk: Annotated[int | None, typer.Option(help="Query spots at a time; else chosen.")] = None
    seed: Annotated[int, typer.Option(help="Of dropout.")] = 0

    @property
    def arguments(self) -> dict[str, Any]:
        """As `Predictor.predict` takes them."""
        return vars(self) | {"genes": [name.strip() for name in self.genes.split(",")] if self.genes else None}


@takes_groups
def predict(
    weights: Annotated[Path, typer.Option(help="STPath's run or .ckpt, or a directory of 'past import stpath'.")],
    out: Annotated[
        Path, typer.Option(help="The .h5ad to write, an existing one is never touched; of several slides a folder.")
    ],
    options: SlideOptions,
    passes: PassOptions,
    samples: SpotOptions,
    slides: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Slides; samples of measured spots (Space Ranger's outs/, SpatialData's .zarr, .h5ad beside its "
            "image); or tables of them (.csv: slide, mpp, organ, technology, …)."
        ),
    ] = None,
    features: Annotated[
        Path | None, typer.Option(help="In place of slides: a slide's features, .h5 (HEST, TRIDENT, CLAM) or .h5ad.")
    ] = None,
    encoder_weights: Annotated[
        str | None, typer.Option(help="The encoder's weights: a file, or 'hub' to download timm's.")
    ] = None,
    context: Annotated[
        Path | None,
        typer.Option(help="Measured spots of the features' slide: .h5ad of raw counts, found by barcode or place."),
    ] = None,
    share: Share = None,
    maps: Annotated[Path | None, typer.Option(help="Folder for a picture a gene, over the slides' tissue.")] = None,
) -> None:
    """Expression of whole slides, tile by tile, or of measured spots at their own places; by STPath.

    A slide's features are kept beside its prediction, so that a command that was stopped goes on where it was. What is
    measured at spots stands beside what is predicted: layers["measured"], and a scatter of each gene in 'past report'.

    Example: past predict slide.svs --encoder gigapath --weights models/stpath --organ Breast --out pred.h5ad

    Example: past predict P1/outs --image P1.tif --encoder gigapath --weights models/stpath --genes EPCAM --out P1.h5ad
    """
    if (features is None) == (not slides):
        raise ConfigError("give slides (and --encoder), or --features of one: one of the two")
    if slides and context is not None:
        raise ConfigError("--context is of spots that --features holds: embed the spots' own places first")
    if features is not None:
        _of_features(weights, features, context, out, passes)
        return
    _of_slides(slides or [], weights, encoder_weights, out, options, passes, samples, share, maps)


def _of_slides(
    slides: Sequence[Path],
    weights: Path,
    encoder_weights: str | None,
    out: Path,
    options: SlideOptions,
    passes: PassOptions,
    samples: SpotOptions,
    share: str | None,
    maps: Path | None,
) -> None:
    """Predict one slide into a file, or several into a folder; the broken ones are named at the end."""
    from past.slides.cohort import SUMMARY, read_cohort, share_of, work_through

    cohort = read_cohort(slides, options.mpp)
    one = len(cohort) == 1 and out.suffix == ".h5ad"
    if one:
        require_free(out)
    options.require_one_for_each(cohort)
    mine = cohort if one else share_of(cohort, share)
    with sections_bar(len(mine), "slides") as report:
        embedder = options.embedder(encoder_weights, report)
        work = _work(weights, embedder, passes, samples, lambda name: out if one else out / f"{name}.h5ad", maps)
        if one:
            work(cohort[0], True)
            return
        faults = work_through(mine, work, out)
    say(f"{out}: {len(mine) - len(faults)} of {len(mine)} slides predicted; {SUMMARY} says how it went")
    if faults:
        raise DataError(*faults)


def _of_features(weights: Path, features: Path, context: Path | None, out: Path, passes: PassOptions) -> None:
    """Predict the spots of a file of features."""
    from past.base.h5ad import read_adata
    from past.models.stpath.predict import load_stpath
    from past.slides.features import read_feature_file

    require_free(out)
    predictor = load_stpath(weights)
    slide = read_feature_file(features)
    measured = read_adata(context) if context else None
    adata = predictor.predict(
        slide.features, slide.coords, context=measured, names=slide.names, out=out, **passes.arguments
    )
    say(f"{out}: {adata.n_obs:,} spots × {adata.n_vars:,} genes, {adata.uns['past']['method']}")


def _work(
    weights: Path,
    embedder: "SlideEmbedder",
    passes: PassOptions,
    samples: SpotOptions,
    place: Callable[[str], Path],
    maps: Path | None,
) -> "Callable[[CohortSlide, bool], Outcome]":
    """Return the work of one slide: its features, then its prediction, each where it is not there.

    STPath is loaded, as the encoder is, when the first slide needs it.
    """
    from past.evaluation.statistics.pearson import gene_pearson
    from past.models.stpath.predict import load_stpath, weights_sha256
    from past.models.stpath.whole_slide import is_predicted, predict_features
    from past.report.prediction import write_maps
    from past.slides.cohort import Outcome

    sha256 = weights_sha256(weights)

    @cache
    def predictor() -> "Predictor":
        loaded = load_stpath(weights)
        loaded.require_encoder(embedder.name)
        return loaded

    def work(slide: "CohortSlide", may_wait: bool) -> Outcome:
        out = place(slide.name)
        kept = out.with_suffix(".features.h5")
        stated = {key: getattr(slide, key) for key in STATED if getattr(slide, key)}
        source = samples.source(slide)
        opened, spots, told = (None, None, {}) if source is None else read_sample(source)
        asked = told | {key: value for key, value in passes.arguments.items() if value is not None or key not in told}
        asked |= stated
        found = is_predicted(out, sha256, embedder.name, asked)
        if not found:
            predictor()  # before an hour of work: it may refuse the encoder
        if opened is None:
            opened, there = embedder(slide, kept, may_wait)
        else:
            assert spots is not None
            there = embedder.around(opened, spots, kept, may_wait)
        if not found:
            predict_features(predictor(), opened, slide.name, kept, embedder.name, spots, out=out, **asked)
        if maps is not None:
            write_maps(out, maps, gene_pearson)
        return Outcome("found" if found else "done", there.tiles, there.skipped, opened.mpp, opened.mpp_source)

    return work
