"""One input: a sound one with one of its files changed, as a seed says."""

import shutil
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.damage import ANY
from fuzz.dice import Dice

SEED = 14
Change = Callable[[Dice, bytes], bytes]
Contents = dict[str, bytes]


def as_it_is(pieces: Contents) -> Contents:
    """The pieces are the files."""
    return pieces


@dataclass(frozen=True)
class Format:
    """Something that travels.

    Attributes:
        make: gives the pieces of a sound input by name.
        read: reads the files below a folder, as the program does.
        changes: piece → what changes it, besides damage to its bytes; pieces that are not in it stay as they are.
        inputs: how many are tried.
        pack: makes files, by their paths below the folder, of the pieces.
        damage: share of the inputs whose bytes are damaged; the others are well formed and lie.
        alone: each of the pieces that are changed is an input by itself, without the others.
    """

    make: Callable[[], Contents]
    read: Callable[[Path], object]
    changes: Mapping[str, Sequence[Change]]
    inputs: int
    pack: Callable[[Contents], Contents] = as_it_is
    damage: float = 0.5
    alone: bool = False


def case_of(name: str, form: Format, sound: Contents, number: int, outside: Path) -> Contents:
    """Return the files of a format's input of this number; a number gives the same choices every time."""
    dice = Dice((SEED, zlib.crc32(name.encode()), number), outside)
    piece = dice.of(list(form.changes))
    changes = form.changes[piece]
    change = dice.of(ANY) if not changes or dice.chance(form.damage) else dice.of(changes)
    others = {key: body for key, body in sound.items() if not (form.alone and key in form.changes)}
    return form.pack({**others, piece: change(dice, sound[piece])})


def kept_at(folder: Path, name: str, number: int) -> Path:
    """Return where a worker's folder keeps an input that failed."""
    return folder / "failed" / f"{name}-{number}"


def keep(folder: Path, name: str, number: int) -> None:
    """Keep the input that lies in a worker's folder."""
    kept = kept_at(folder, name, number)
    shutil.rmtree(kept, ignore_errors=True)
    shutil.copytree(folder / "case", kept)
