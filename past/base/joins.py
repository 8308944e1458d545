"""Rows of two tables that are of the same things: joined by name, else by place, else refused; never by their order."""

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from past.base.errors import DataError
from past.base.vocabularies import word

log = logging.getLogger(__name__)

REACH = 1.0  # of two places that are one, in their own unit: pixels, which some programs round
SHARE = 0.25  # of the distance between neighbours: the reach where they lie closer than that


@dataclass(frozen=True)
class Rows:
    """What a table's rows are known by.

    Attributes:
        where: names the table in messages.
        names: (n,) of the rows: barcodes, cell ids; None: they have none.
        places: (n, 2) x, y; None: they have none.
    """

    where: str
    names: Sequence[str] | None = None
    places: np.ndarray | None = None


def join(wanted: Rows, given: Rows) -> np.ndarray:
    """Return the row of `given` that each row of `wanted` is, or -1; (n,) int64.

    By name where both have names and share one, else by place where both have places. Names that only count the rows
    (0, 1, 2, …) come after places: a program gives them to rows in whatever order.

    Raises:
        DataError: a name twice, two rows at one place, or nothing to join by.
    """
    ways = [_by_name] if wanted.names is not None and given.names is not None else []
    if wanted.places is not None and given.places is not None:
        counted = any(names is not None and _only_count(names) for names in (wanted.names, given.names))
        ways.insert(0 if counted else len(ways), _by_place)
    if not ways:
        raise DataError(
            f"{wanted.where} and {given.where}: both have neither names nor places, and rows are not matched by their "
            "order: write the barcodes, or the coordinates, into both"
        )
    rows = np.full(0, -1)
    for way in ways:
        rows = way(wanted, given)
        if (rows >= 0).any():
            if way is _by_place:
                log.warning(
                    "%s: its rows are matched with those of %s by place, within %.3g",
                    wanted.where, given.where, reach_of(np.asarray(given.places)),
                )  # fmt: skip
            break
    return rows


def join_all(wanted: Rows, given: Rows, what: str, cure: str) -> np.ndarray:
    """Return the row of `given` that each row of `wanted` is, (n,) int64.

    Args:
        wanted: whose rows must all be there.
        given: where they are looked for; it may have more.
        what: `given` has of each row, for the message.
        cure: for the message.

    Raises:
        DataError: as `join`, or rows that are not there; it names the first.
    """
    rows = join(wanted, given)
    lost = np.flatnonzero(rows < 0)
    if len(lost):
        raise DataError(
            f"{given.where}: no {what} for {len(lost)} of {len(rows)} spots of {wanted.where} "
            f"({_known_by(wanted, int(lost[0]))}, …): {cure}"
        )
    return rows


def row_names(values: Iterable[object], where: str) -> list[str]:
    """Return the names of a table's rows.

    Raises:
        DataError: a row without a name, or a name twice.
    """
    names = [word(value) for value in values]
    if None in names:
        raise DataError(f"{where}: row {names.index(None)} has no name: give every row one of its own")
    found = [name for name in names if name is not None]
    require_unique(found, where, "names of rows", "leave one of each out, or make them different")
    return found


def require_unique(names: Iterable[str], where: str, what: str, cure: str) -> None:
    """Raise DataError naming what occurs twice."""
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"{where}: {len(twice)} {what} occur more than once ({', '.join(twice[:5])}…): {cure}")


def reach_of(places: np.ndarray) -> float:
    """Return how far apart two places may lie and be one: REACH, or SHARE of the median distance of neighbours."""
    if len(places) < 2:
        return REACH
    away = KDTree(places).query(places, k=2)[0][:, 1]
    return min(REACH, SHARE * float(np.median(away)))


def _only_count(names: Sequence[str]) -> bool:
    return all(name == str(row) for row, name in enumerate(names))


def _by_name(wanted: Rows, given: Rows) -> np.ndarray:
    names, others = row_names(wanted.names or (), wanted.where), row_names(given.names or (), given.where)
    row_of = {name: row for row, name in enumerate(others)}
    return np.fromiter((row_of.get(name, -1) for name in names), dtype=np.int64, count=len(names))


def _by_place(wanted: Rows, given: Rows) -> np.ndarray:
    places, others = (np.asarray(side.places, dtype=np.float64)[:, :2] for side in (wanted, given))
    for where, side in ((wanted.where, places), (given.where, others)):
        distinct, times = np.unique(side, axis=0, return_counts=True)
        if len(distinct) < len(side):
            raise DataError(
                f"{where}: {len(side) - len(distinct)} of its {len(side)} rows lie where another does (the first at "
                f"{_shown(distinct[times > 1][0])}), and rows are matched by place: leave them out, or give barcodes"
            )
    reach = reach_of(others)
    away, rows = KDTree(others).query(places, distance_upper_bound=np.nextafter(reach, np.inf))
    rows = np.where(np.isfinite(away), rows, -1)
    found, times = np.unique(rows[rows >= 0], return_counts=True)
    if (times > 1).any():
        place = _shown(others[found[times > 1][0]])
        raise DataError(
            f"{wanted.where}: {times.max()} of its rows lie within {reach:.3g} of {place} in {given.where}: "
            "which is it? give barcodes in both"
        )
    return rows.astype(np.int64)


def _known_by(rows: Rows, row: int) -> str:
    words = [] if rows.names is None else [str(rows.names[row])]
    return " at ".join(words if rows.places is None else [*words, _shown(np.asarray(rows.places)[row])])


def _shown(place: np.ndarray) -> str:
    return f"{place[0]:g}, {place[1]:g}"
