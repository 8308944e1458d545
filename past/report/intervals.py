"""Numbers with their intervals as pages show them, and in words what these stand on."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from past.report.blocks import as_table, digits

METHOD = (
    "The 95 % interval is by leaving out one independent unit after another: patients where there are five, else "
    "sections where there are five, else blocks of space at least as wide as the residuals correlate (the distance, in "
    "spots, at which the correlation that their variogram shows has fallen to 1/e). Sections and blocks say how sure a "
    "number is of these patients' tissue, not of other patients. Where there are too few units there is no interval."
)
PAIRED = (
    "Genes on which the first leads (wins) and trails (losses), and those on which it does so for certain: at most 5 % "
    "of these are expected to be false (Benjamini and Hochberg over the genes). The mean is over all genes, with its "
    "95 % interval and p. Both were left without the same independent units."
)
COUNTS = ("genes", "wins", "losses", "certain_wins", "certain_losses")


def with_interval(value: Any, low: Any, high: Any, places: int = 4) -> str:
    """Return a score and its interval, with their digits after the point; the score alone where there is none."""
    score, *ends = (digits(number, places) for number in (value, low, high))
    return score if pd.isna(low) else f"{score} [{', '.join(ends)}]"


def stands_on(row: Mapping[Any, Any]) -> str:
    """Return what stands behind a row's interval: its `units` of the kind `resampled`, and how far residuals go.

    Args:
        row: with `low`, None where the units are too few, and `correlation_length`, None where no blocks were made.
    """
    kind, count, length = row["resampled"], int(row["units"]), row["correlation_length"]
    few = ", too few" if pd.isna(row["low"]) else ""
    return f"{count} {kind}{few}" + ("" if pd.isna(length) else f" (correlation {length:.1f} spots)")


def paired_table(pairs: Sequence[Mapping[str, Any]], leading: Mapping[str, str]) -> str:
    """Return comparisons as an HTML table.

    Args:
        pairs: summaries of `past.evaluation.statistics.comparison`.
        leading: column → heading of the columns that name the pair.
    """
    shown = []
    for pair in pairs:
        row: dict[str, Any] = {heading: pair[column] for column, heading in leading.items()}
        row |= {name.replace("_", " "): "–" if pair[name] is None else str(pair[name]) for name in COUNTS}
        row["mean"] = with_interval(pair["mean_difference"], pair["low"], pair["high"])
        row |= {"p": digits(pair["p"]), "independent units": stands_on(pair)}
        shown.append(row)
    return as_table(pd.DataFrame(shown))
