"""What a results folder was made from: a folder of one origin is not written into by a run of another."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from past.base.errors import ConfigError
from past.base.files import create_once

SUMMARY = "hest_bench.json"
ORIGIN = "origin.json"


def require_same_origin(folder: Path, origin: Mapping[str, object]) -> None:
    """Raise ConfigError where `folder` holds results, whole or cut short, that were not made from `origin`.

    Args:
        folder: of the results; need not exist.
        origin: plain values, what a reader recognises first: the first difference is the one that is told.
    """
    path = folder / ORIGIN
    if not path.is_file():
        if (folder / SUMMARY).is_file():
            raise ConfigError(
                f"results_dir={folder}: holds results, but no {ORIGIN} that says what they were made from; "
                "give another results_dir= or run_id="
            )
        return
    found, own = dict(_flat(json.loads(path.read_text()))), dict(_flat(json.loads(_text(origin))))
    for name in [*own, *found]:
        if found.get(name) != own.get(name):
            old, new = (repr(values.get(name, "nothing")) for values in (found, own))
            raise ConfigError(
                f"results_dir={folder}: holds results of {old}, not of {new} ({name}); "
                "give another results_dir= or run_id="
            )


def claim(folder: Path, origin: Mapping[str, object]) -> None:
    """Write what `folder` is made from, ahead of its first result.

    Raises:
        ConfigError: another run came first.
    """
    if not create_once(folder / ORIGIN, _text(origin)):
        require_same_origin(folder, origin)


def _text(origin: Mapping[str, object]) -> str:
    return json.dumps(origin, indent=1, ensure_ascii=False, default=str) + "\n"


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Yield (dotted name, value) of every leaf; a list is one, and a mapping's names come before its parts."""
    if not isinstance(value, dict):
        yield name, value
    else:
        yield name, list(value)
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}".lstrip("."))
