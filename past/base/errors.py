"""Errors whose message is one sentence that names the value and the cure, and the one for numbers out of range."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from past.base.text.words import as_typed

LONGEST: Final = 1_000  # letters of a sentence


class PastError(Exception):
    """Base of every error that a user can mend; the command line prints its sentence without a traceback.

    Args:
        sentences: one, or a line each for several faults. What they quote may come from anywhere: none has a line
            break, a control character, or more letters than LONGEST.
    """

    def __init__(self, *sentences: str) -> None:
        super().__init__(*map(_printable, sentences))

    def __str__(self) -> str:
        return "\n".join(self.args)


class ConfigError(PastError):
    """A setting, or a combination of settings, that cannot work."""


class DataError(PastError):
    """Data on disk that is missing, broken, or not what it says it is."""


class NoSpaceError(PastError):
    """A disk that is full, or a quota that is used up: nothing more can be written, whatever it is."""


class CheckpointError(PastError):
    """A checkpoint that does not fit the model, or is not a checkpoint."""


class TrainingError(PastError):
    """A training whose numbers are no numbers any more."""


def require_number(
    key: str, value: float, *, least: float = -math.inf, most: float = math.inf, above: float = -math.inf
) -> None:
    """Raise ConfigError unless a setting is a number in its range; a whole one where `least` or `most` is whole.

    Args:
        key: the setting's full name.
        value: its value.
        least: it may be.
        most: it may be; only beside `least`.
        above: what it must be above.
    """
    whole = any(type(bound) is int for bound in (least, most))
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and not whole)
    if is_number and least <= value <= most and value > above:
        return
    shown = [str(bound) if type(bound) is int else f"{bound:g}" for bound in (least, most, above)]
    bounds = [f"above {shown[2]}"] if above > -math.inf else []
    bounds += [f"of {shown[0]} or more"] if least > -math.inf and most == math.inf else []
    bounds += [f"from {shown[0]} to {shown[1]}"] if least > -math.inf and most < math.inf else []
    raise ConfigError(f"{key}={value}: give a {'whole ' if whole else ''}number {' and '.join(bounds)}".rstrip())


@contextmanager
def reading(path: object, fault: str, cure: str, kind: type[PastError] = DataError) -> Iterator[None]:
    """Say in one sentence whatever a library raises over a file: each raises what it likes, and any file may be broken.

    Args:
        path: the file.
        fault: what is wrong with it then ("not an HDF5 file, or cut off").
        cure: what helps ("copy it again").
        kind: of the error that is raised.

    Raises:
        PastError: of that kind; one that is raised within passes as it is.
    """
    try:
        yield
    except PastError:
        raise
    except Exception as error:
        raise kind(f"{path}: {fault} ({str(error) or type(error).__name__}): {cure}") from error


def _printable(sentence: str) -> str:
    line = _cut(" ".join(sentence.split()))
    return _cut(as_typed(line))


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 303]} … {line[-300:]}"
