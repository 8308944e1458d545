"""What a benchmark compares: each of its encoders, under a head or with none, offers the same few methods."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from past.base.errors import PastError
from past.base.patients import PatientTable
from past.evaluation.hest.leakage import of_test_patient
from past.evaluation.hest.protocols import FoldPredictor, FrozenFeatures, Probe, TileFeatures
from past.evaluation.hest.spots import FoldData
from past.slides.frozen_encoder import FrozenEncoder


class ByFold(Protocol):
    """What may be another model in each fold."""

    @property
    def takes_recoloured_tiles(self) -> bool:
        """Whether it can see tiles whose colour was changed."""
        ...

    def fingerprint_of(self, fold: int) -> object:
        """Return what a fold's predictions depend on.

        Raises:
            PastError: there is no model.
        """
        ...

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """Return the sections and patients that a fold's model was trained on; None: not recorded."""
        ...


class TileEncoder(ByFold, Protocol):
    """What gives features of tiles: a FrozenEncoder, StoredFeatures, a PASTTower."""

    def for_fold(self, fold: int) -> TileFeatures:
        """Return what gives a fold's features."""
        ...


class BenchEncoder(ByFold, Protocol):
    """What predicts folds, by the `protocol` that it names."""

    @property
    def protocol(self) -> str:
        """What is done with every fold, in words that name the table."""
        ...

    def predictor(self, fold: int, mean_colour_removed: bool) -> FoldPredictor:
        """Return what predicts a fold; `mean_colour_removed` from its tiles where it reads tiles."""
        ...


@dataclass(frozen=True)
class Probed:
    """Features under a head."""

    encoder: TileEncoder
    probe: Probe

    @property
    def takes_recoloured_tiles(self) -> bool:
        """See `ByFold`."""
        return self.encoder.takes_recoloured_tiles

    @property
    def protocol(self) -> str:
        """The probe's."""
        return self.probe.protocol

    def predictor(self, fold: int, mean_colour_removed: bool) -> FoldPredictor:
        """See `BenchEncoder.predictor`."""
        return FrozenFeatures(self.encoder.for_fold(fold), self.probe, mean_colour_removed)

    def fingerprint_of(self, fold: int) -> object:
        """The encoder's."""
        return self.encoder.fingerprint_of(fold)

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """The encoder's."""
        return self.encoder.trained_on(fold)


def frozen(encoder: Any, device: str | None = None) -> TileEncoder:
    """Freeze a plain module; what gives a fold's features by itself stays as it is."""
    return encoder if hasattr(encoder, "for_fold") else FrozenEncoder.of(encoder, device)


def under(probe: Probe, encoder: Any, device: str | None = None) -> BenchEncoder:
    """Put an encoder under a head; what needs none, and names a protocol of its own, stays as it is."""
    return encoder if hasattr(encoder, "protocol") else Probed(frozen(encoder, device), probe)


def fingerprint(encoder: BenchEncoder, folds: Iterable[int]) -> object:
    """Return what an encoder's predictions depend on: one value, or one a fold; None where there is no model."""
    found = {f"fold {fold}": _or_none(partial(encoder.fingerprint_of, fold)) for fold in folds}
    first = next(iter(found.values()), None)
    return first if all(value == first for value in found.values()) else found


def exposure(encoder: BenchEncoder, fold: FoldData, table: PatientTable | None) -> list[str] | None:
    """Return the sections and patients of a fold's test side that its model was trained on; None: not recorded."""
    trained_on = encoder.trained_on(fold.number)
    if trained_on is None:
        return None
    test = {spots.patient for spots in fold.test}
    test |= {name for spots in fold.test for name in of_test_patient(spots.name, table)}
    return sorted(test & trained_on)


def _or_none(ask: Callable[[], object]) -> object:
    """Return what is asked for, None where there is no model: then its folds will not run, and say why."""
    try:
        return ask()
    except PastError:
        return None
