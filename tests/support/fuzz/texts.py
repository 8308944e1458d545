"""JSON and tables of text that are well formed, or nearly, and say what nobody expects."""

import copy
import json
from collections.abc import Callable
from typing import Any

from fuzz.dice import Dice

WHOLE = (
    "null", "[]", "{}", "1", '""', "nan", "[" * 100_000, '{"a":' * 50_000, '{"version":1', "\ufeff{}", '{"a":1}{"a":2}',
    "9" * 5_000, "1e999", '["\\ud800"]', "[" + "1," * 30_000 + "1]", '{"version": 1e400}', "\x00", "//", "[1,]",
)  # fmt: skip


def json_of(dice: Dice, content: bytes) -> bytes:
    """JSON in which one thing, or a few, are replaced, removed, renamed or repeated."""
    if dice.chance(0.08):
        return dice.of(WHOLE).encode("utf-8", "surrogatepass")
    value = changed(dice, json.loads(content))
    text = json.dumps(value, ensure_ascii=dice.chance(0.5))
    return text.encode(dice.of(["utf-8", "utf-8", "utf-8", "utf-16"]), "surrogatepass")


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
