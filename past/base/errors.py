"""Errors whose message is one sentence that names the value and the cure."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

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


class CheckpointError(PastError):
    """A checkpoint that does not fit the model, or is not a checkpoint."""


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
    line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in " ".join(sentence.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 303]} … {line[-300:]}"
