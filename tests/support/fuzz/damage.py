"""Damage to bytes, whatever they mean: what disks and transfers do, and what a fuzzer tries first."""

import struct

from fuzz.dice import Dice

PAGE = 4096


def flip(dice: Dice, content: bytes) -> bytes:
    """Other bits in one byte, or in some."""
    changed = bytearray(content)
    for _ in range(dice.of([1, 1, 1, 2, 4, 16, 64])):
        if changed:
            changed[dice.below(len(changed))] ^= 1 << dice.below(8) if dice.chance(0.5) else 1 + dice.below(255)
    return bytes(changed)


def flip_early(dice: Dice, content: bytes) -> bytes:
    """The same in the first bytes, where most formats say what they are."""
    head = content[: dice.of([16, 64, 256, 1024])]
    return flip(dice, head) + content[len(head) :]


def flip_late(dice: Dice, content: bytes) -> bytes:
    """The same in the last bytes, where archives keep their directory."""
    start = max(0, len(content) - dice.of([16, 64, 256, 1024]))
    return content[:start] + flip(dice, content[start:])


def cut(dice: Dice, content: bytes) -> bytes:
    """The end is missing."""
    return content[: dice.of([0, 1, dice.below(64), dice.below(len(content)), max(0, len(content) - 1)])]


def splice(dice: Dice, content: bytes) -> bytes:
    """A piece is taken out, put in twice, or put elsewhere."""
    start, length = dice.below(len(content)), dice.of([1, 2, 4, 8, 64, 512, PAGE])
    piece, place = content[start : start + length], dice.below(len(content))
    return dice.of(
        [
            content[:start] + content[start + length :],
            content[:place] + piece + content[place:],
            content[:place] + piece + content[place + len(piece) :],
            content[:place] + dice.rng.bytes(length) + content[place:],
        ]
    )


def zero(dice: Dice, content: bytes) -> bytes:
    """A page, or a part of one, became zeros."""
    size = dice.of([4, 16, 512, PAGE])
    place = dice.below(len(content)) // size * size
    blank = bytes(len(content[place : place + size]))
    return content[:place] + blank + content[place + size :]


def number(dice: Dice, content: bytes) -> bytes:
    """A length or an offset says something else."""
    form = dice.of(["<H", ">H", "<I", ">I", "<Q", ">Q"])
    size = struct.calcsize(form)
    value = dice.of([0, 1, 2**7, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63, 2**64 - 1, len(content)])
    place = dice.below(max(1, len(content) - size))
    return content[:place] + struct.pack(form, value % 256**size) + content[place + size :]


def padded(dice: Dice, content: bytes) -> bytes:
    """Something follows."""
    return content + dice.of([b"\0", b"\n", content[: 1 + dice.below(512)], dice.rng.bytes(64), bytes(PAGE)])


def other(dice: Dice, content: bytes) -> bytes:
    """Not the format at all."""
    return dice.of([b"", b"\0" * 512, b"text", dice.rng.bytes(300), b"<html></html>", b"\xff\xfe\x00a", b"PK\3\4"])


ANY = (flip, flip, flip_early, flip_late, cut, splice, zero, number, number, padded, other)
