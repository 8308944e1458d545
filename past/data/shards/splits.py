"""Which patients train and which validate: patients make splits, never samples."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from past.base.errors import DataError
from past.data.shards.index import ShardIndex

log = logging.getLogger(__name__)


class Split(NamedTuple):
    """Indexes of the shards to train on, and of those to validate on."""

    train: ShardIndex
    val: ShardIndex


def split_patients(
    index: ShardIndex,
    val: float | Sequence[str],
    train: Sequence[str] | None = None,
    seed: int = 42,
) -> Split:
    """Split a set of shards.

    Args:
        index: all shards.
        val: the fraction of the patients to validate on, or a list of patients or sections.
        train: a list of patients or sections to train on; None: all that are not in `val`.
        seed: of the choice of patients, where `val` is a fraction.

    Raises:
        DataError: names outside a list, too few patients, a name that is neither a patient nor a section, an empty
            side, or a section on both sides.
    """
    for side, names in (("val", val), ("train", train)):
        if isinstance(names, str):
            raise DataError(f"data.{side}={names}: give a list of patients or sections: 'data.{side}=[{names}]'")
    val_sections = _draw(index, float(val), seed) if isinstance(val, float | int) else _named(index, val, "val")
    if train is None:
        train_sections = [name for name in _sections(index) if name not in set(val_sections)]
    else:
        train_sections = _named(index, train, "train")
    both = sorted(set(train_sections) & set(val_sections))
    if both:
        raise DataError(f"section {', '.join(both[:5])} is to train and to validate on: name it on one side only")
    sides = Split(index.select(sections=train_sections), index.select(sections=val_sections))
    for name, side in zip(("train on", "validate on"), sides, strict=True):
        if not side.samples:
            raise DataError(f"no cell is left to {name}: the sections are {', '.join(_sections(index))}")
    shared = sorted(set(sides.train.patients) & set(sides.val.patients))
    if shared:
        log.warning(
            "patient %s is trained and validated on (different sections): scores will flatter", ", ".join(shared[:5])
        )
    return sides


def _sections(index: ShardIndex) -> list[str]:
    return sorted({shard.section for shard in index.shards})


def _draw(index: ShardIndex, fraction: float, seed: int) -> list[str]:
    patients = index.patients
    if not 0 < fraction < 1:
        raise DataError(f"data.val={fraction:g}: give a fraction of the patients between 0 and 1, or a list of names")
    if len(patients) < 2:
        raise DataError(
            f"{len(patients)} patient cannot be split: name sections instead, as in data.train=[C2,C3] data.val=[C4], "
            "or bring a second patient"
        )
    number = min(max(1, round(fraction * len(patients))), len(patients) - 1)
    chosen = {patients[i] for i in np.random.default_rng(seed).permutation(len(patients))[:number]}
    return sorted({shard.section for shard in index.shards if chosen & set(shard.patients)})


def _named(index: ShardIndex, names: Sequence[str], side: str) -> list[str]:
    """Return the sections that are named, or are of a patient who is named."""
    sections: list[str] = []
    for name in map(str, names):
        found = [shard.section for shard in index.shards if name == shard.section]
        found = found or [shard.section for shard in index.shards if name in shard.patients]
        if not found:
            raise DataError(
                f"{side}={name!r} is no section and no patient here: the sections are {', '.join(_sections(index))}, "
                f"the patients {', '.join(index.patients)}"
            )
        sections += found
    return sorted(set(sections))
