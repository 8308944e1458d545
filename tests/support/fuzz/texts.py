"""JSON, YAML and tables of text that are well formed, or nearly, and say what nobody expects."""

import copy
import json
from collections.abc import Callable
from typing import Any

import yaml

from fuzz.dice import Dice

WHOLE = (
    "null", "[]", "{}", "1", '""', "nan", "[" * 100_000, '{"a":' * 50_000, '{"version":1', "\ufeff{}", '{"a":1}{"a":2}',
    "9" * 5_000, "1e999", '["\\ud800"]', "[" + "1," * 30_000 + "1]", '{"version": 1e400}', "\x00", "//", "[1,]",
)  # fmt: skip
WHOLE_YAML = (
    "", "null", "- a", "a", "? a", "a: &b [*b]", "a: &b {c: *b}", "<<: {a: 1}", "a: 1\na: 2", "a: b: c", "\ta: 1",
    "%YAML 9.9", "--- 1\n--- 2", "a: !!python/object/apply:os.system [x]", "!!binary aaa", "a: 2001-99-99",
    "? [a]\n: b", "a: |\n b", "[" * 9_000, "- " * 9_000, "{a: " * 9_000, "a: '", "a: \"\\ud800\"", "a: 0x", "a: 1:60",
    "a: " + "9" * 5_000, "a: *b", "\x00", "x" * 300_000,
)  # fmt: skip
_FORMS = ("${oc.env:HOME}", "&a [*a]", "!!python/name:os.system ''", "!!set {a, b}", "<<", "!!float x", "0o9", "~", "@")


def json_of(dice: Dice, content: bytes) -> bytes:
    """JSON in which one thing, or a few, are replaced, removed, renamed or repeated."""
    if dice.chance(0.08):
        return dice.of(WHOLE).encode("utf-8", "surrogatepass")
    value = changed(dice, json.loads(content))
    text = json.dumps(value, ensure_ascii=dice.chance(0.5))
    return text.encode(dice.of(["utf-8", "utf-8", "utf-8", "utf-16"]), "surrogatepass")


def yaml_of(dice: Dice, content: bytes) -> bytes:
    """YAML in which values are replaced, removed, renamed or repeated; or a line says something else."""
    kind = dice.below(10)
    if kind == 0:
        return dice.of(WHOLE_YAML).encode()
    if kind < 4:
        lines = content.decode().splitlines()
        place = dice.below(len(lines))
        key, _, value = lines[place].partition(": ")
        lines[place] = dice.of([f"{key}: {dice.of(_FORMS)}", key, f" {lines[place]}", value, f"{key}: {lines[place]}"])
        return "\n".join(lines).encode()
    value = changed(dice, yaml.safe_load(content))
    return yaml.dump(value, allow_unicode=dice.chance(0.5), default_flow_style=dice.chance(0.3)).encode(
        "utf-8", "surrogatepass"
    )


def changed(dice: Dice, value: Any) -> Any:
    """A copy of plain values with some of them changed."""
    whole = [copy.deepcopy(value)]
    for _ in range(dice.of([1, 1, 1, 2, 3])):
        places = list(_places(whole))
        holder, key = places[dice.below(len(places))]
        _change(dice, holder, key)
        if not whole:
            return None
    return whole[0]


def _change(dice: Dice, holder: Any, key: Any) -> None:
    kind = dice.below(6)
    if kind < 3:
        holder[key] = dice.value()
    elif kind == 3:
        del holder[key]
    elif kind == 4 and isinstance(holder, dict):
        holder[dice.word()] = holder.pop(key)
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[key] = [holder[key]]


def _places(value: Any) -> Any:
    """Yield (holder, key) of every value within."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in list(pairs)[:200]:
        yield value, key
        yield from _places(held)


def table_of(separator: str) -> Callable[[Dice, bytes], bytes]:
    """Make what changes cells, rows and columns of a table of text."""

    def change(dice: Dice, content: bytes) -> bytes:
        rows = [line.split(separator) for line in content.decode().splitlines()]
        row = dice.below(len(rows))
        column = dice.below(len(rows[row]))
        kind = dice.below(8)
        if kind < 3:
            rows[row][column] = str(dice.value(0))
        elif kind == 3:
            del rows[row]
        elif kind == 4:
            rows.insert(row, rows[row])
        elif kind == 5:
            rows[row] += ["9"] * dice.of([1, 3, 5_000])
        elif kind == 6:
            for line in rows:
                del line[column : column + 1]
        else:
            rows[row][column] = dice.of(['"', '"a', "\r", "\x00", "\ufeff", ",", ";;", "1,2", "'"])
        return "\n".join(map(separator.join, rows)).encode("utf-8", "surrogatepass") + b"\n"

    return change
