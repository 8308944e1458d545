"""The folder of a task's result files: claimed by what they are made from, each of them there whole or not at all."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import pandas as pd

from past.base.errors import ConfigError, DataError, reading
from past.base.files import atomic_file, create_once
from past.base.text.reading import read_json
from past.base.text.tables import frame_as_csv

SHOWN = 120  # letters of a value in a message
AGAIN: Final = "run evaluate.py again with another results_dir=, or remove these results first"
NOT_AS_WRITTEN: Final = ("these results are not as they were written", AGAIN)


class Results:
    """Where one task writes. Tasks may share a folder; each has its own origin there, `<task>.origin.json`.

    The first file that is written claims the folder for the task and its origin. Whoever comes with another origin is
    refused; with the same one, the files are made again.

    Args:
        folder: of the result files; need not exist.
        task: the task's name.
        origin: facts that the numbers depend on, plain values, what a reader recognises first: the first difference is
            the one that is told.
        about: what the summary says besides (versions).

    Raises:
        ConfigError: `folder` holds this task's results, whole or cut short, that were not made from `origin`; or files
            that are no results, which might be written over.
    """

    def __init__(
        self, folder: Path, task: str, origin: Mapping[str, object], about: Mapping[str, object] | None = None
    ) -> None:
        self.folder, self.task, self.origin, self.about = folder, task, origin, about or {}
        self._claim = folder / f"{task}.origin.json"
        self._text = json.dumps(origin, indent=1, ensure_ascii=False, default=str) + "\n"
        self._claimed = False
        self.faults: list[str] = []
        self._require_same_origin()

    def fault(self, sentence: str) -> None:
        """Note what could not be judged, once: the rest is, and the evaluation ends with exit code 1."""
        if sentence not in self.faults:
            self.faults.append(sentence)

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[BinaryIO]:
        """Open `folder/name` for writing; a reader sees the old or the new file, never a part.

        Raises:
            ConfigError: another origin came first, or a name of a task or an encoder leads out of the folder.
        """
        if not (self.folder / name).resolve().is_relative_to(self.folder.resolve()):
            raise ConfigError(f"results_dir={self.folder}: {name!r} lies outside: rename the task or the encoder")
        if not self._claimed:
            if not create_once(self._claim, self._text):
                self._require_same_origin()
            self._claimed = True
        with atomic_file(self.folder / name) as file:
            yield file

    def write(self, name: str, content: bytes | str) -> None:
        """Write a whole file, text as UTF-8."""
        with self.file(name) as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def write_csv(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table without its index."""
        self.write(name, frame_as_csv(frame))

    def write_parquet(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table without its index."""
        with self.file(name) as file:
            frame.to_parquet(file, index=False)

    def write_summary(self, content: Mapping[str, object]) -> None:
        """Write `<task>.json`: the task's name, its origin, what is known about it, and `content`."""
        whole = {"task": self.task, **self.origin, **self.about, **content}
        self.write(f"{self.task}.json", json.dumps(whole, indent=1, ensure_ascii=False, default=str) + "\n")

    def _require_same_origin(self) -> None:
        cure = f"give another results_dir=, or remove the old {self.task} results there first"
        if not self._claim.is_file():
            if (self.folder / f"{self.task}.json").is_file():
                raise ConfigError(
                    f"results_dir={self.folder}: holds results, but no {self._claim.name} that says what they were "
                    f"made from; {cure}"
                )
            seen = sorted(path.name for path in self.folder.glob("*") if not path.name.startswith("."))
            if seen and not any(self.folder.glob("*.origin.json")):
                raise ConfigError(
                    f"results_dir={self.folder}: holds files that are no results ({', '.join(seen[:3])}), and was left "
                    "as it is: give a new or an empty folder"
                )
            return
        found, own = (dict(_flat(said)) for said in (read_json(self._claim, cure), json.loads(self._text)))
        for name in [*own, *found]:
            if found.get(name) != own.get(name):
                old, new = (_shown(values.get(name, "nothing")) for values in (found, own))
                raise ConfigError(f"results_dir={self.folder}: holds results of {old}, not of {new} ({name}); {cure}")


@contextlib.contextmanager
def summary_to_draw(path: Path) -> Iterator[dict[str, Any]]:
    """Open what `Results.write_summary` wrote with `rows`, while it and the files beside it are drawn.

    Raises:
        DataError: not such a file; of an earlier version; or one that lacks what is drawn, or holds it as another kind,
            which its drawing raised.
    """
    content = read_json(path, AGAIN)
    rows = content.get("rows") if isinstance(content, dict) else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path}: no rows of results in it: {AGAIN}")
    if any("units" not in row for row in rows):
        raise DataError(
            f"{path}: made by an earlier version, whose intervals took single spots for independent: {AGAIN}"
        )
    with reading(path, *NOT_AS_WRITTEN):
        try:
            yield content
        except KeyError as error:
            raise DataError(f"{path}: these results lack {error!s:.80}: {AGAIN}") from error


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield (dotted name, value) of every leaf; a list is one, and a mapping's names come before its parts."""
    if not isinstance(value, dict):
        yield name, value
    else:
        if name:
            yield name, list(value)
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}".lstrip("."))
