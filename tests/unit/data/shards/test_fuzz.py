"""Broken shards: each is read, or refused with a DataError; nothing else, and nothing large is made."""

import io
import resource
import struct
import zlib
from collections import Counter
from functools import cache

import numpy as np
from shards import GENES, SIDE, members, tar_of

from past.base.errors import DataError
from past.data.shards.reader import Faults
from past.data.shards.tar import TarReader
from past.data.stream.stream import RawBatch
from past.models.past.samples.batches import BatchMaker
from past.models.past.samples.tokens import Tokenizer

NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF]
WORDS = [
    b"\x80\x02cos\nsystem\n",
    b"(1000000000,)",
    b"'|O'",
    b"NaN",
    b"1e999",
    b"-1",
    b"[" * 500,
    b"../",
    b"PK\x05\x06",
]
TOKENIZER = Tokenizer(GENES, GENES, {"Xenium": np.ones(len(GENES))}, context=8, neighbours=2)


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Content with one to four changes: bytes, numbers, words, cuts, repeats."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(0, max(len(changed), 1)))
        length = int(rng.integers(1, 64))
        kind = rng.integers(0, 7)
        if kind == 0:
            changed[place : place + 1] = rng.bytes(1)
        elif kind == 1:
            changed[place : place + length] = rng.bytes(length)
        elif kind == 2:
            packing = str(rng.choice(["<H", ">H", "<I", ">I"]))
            number = NUMBERS[rng.integers(len(NUMBERS))] & (0xFFFF if packing[1] == "H" else 0xFFFFFFFF)
            new = struct.pack(packing, number)
            changed[place : place + len(new)] = new
        elif kind == 3:
            word = WORDS[rng.integers(len(WORDS))]
            changed[place : place + len(word)] = word
        elif kind == 4:
            del changed[place:]
        elif kind == 5:
            del changed[place : place + length]
        else:
            changed[place:place] = changed[place : place + 8 * length]
    return bytes(changed)


def with_valid_checksums(tar: bytes) -> bytes:
    """Mend the checksums of what still stands where headers stood, so that later checks are reached."""
    whole = bytearray(tar)
    for place in range(0, len(whole) - 511, 512):
        if whole[place + 257 : place + 262] == b"ustar":
            whole[place + 148 : place + 156] = b" " * 8
            whole[place + 148 : place + 156] = b"%06o\0 " % sum(whole[place : place + 512])
    return bytes(whole)


def with_valid_crcs(npz: bytes) -> bytes:
    """Mend the checksums in an archive's directory, so that later checks are reached."""
    whole = bytearray(npz)
    place = whole.find(b"PK\1\2")
    while 0 <= place <= len(whole) - 46:
        size, offset = (int.from_bytes(whole[place + i : place + i + 4], "little") for i in (20, 42))
        names = [int.from_bytes(whole[offset + i : offset + i + 2], "little") for i in (26, 28)]
        body = whole[offset + 30 + sum(names) :][:size]
        whole[place + 16 : place + 20] = zlib.crc32(body).to_bytes(4, "little")
        place = whole.find(b"PK\1\2", place + 46)
    return bytes(whole)


@cache
def _members(image_format: str) -> dict[str, bytes]:
    return {name: body for i in range(3) for name, body in members(i, image_format=image_format).items()}


def broken_shard(number: int) -> bytes:
    """A shard of three samples, broken somewhere that follows from `number`."""
    rng = np.random.default_rng(number)
    image_format = ("png", "jpg", "webp")[number % 3]
    contents = dict(_members(image_format))
    if number % 2:
        tar = mutated(tar_of(contents), rng)
        return with_valid_checksums(tar) if rng.random() < 0.7 else tar
    name = list(contents)[rng.integers(len(contents))]
    contents[name] = mutated(contents[name], rng)
    if name.endswith("npz") and rng.random() < 0.7:
        contents[name] = with_valid_crcs(contents[name])
    return tar_of(contents)


def consume(shard: bytes) -> str:
    """Read, decode and tokenise a shard as training does; return "read" or the first refusal's beginning."""
    reader = TarReader(io.BytesIO(shard), "S0.tar", len(GENES))
    make = BatchMaker(TOKENIZER, SIDE)
    first_refusal = ""
    for _ in range(len(shard) // 512 + 1):
        refusal = ""
        try:
            cell = reader.read()
            if cell is None:
                return first_refusal or "read"
            make(RawBatch(0, [cell], Faults()), 0)
        except DataError as error:
            refusal = str(error)
        assert "\n" not in refusal
        first_refusal = first_refusal or refusal[-40:]
        if reader.ended:
            return first_refusal
    raise AssertionError("more samples than a shard of this size can hold")


def fuzz(numbers: range) -> Counter[str]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = Counter(consume(broken_shard(number)) for number in numbers)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 256 << 10, f"{grown >> 10} MiB more at the peak"
    return outcomes


def test_two_thousand_broken_shards() -> None:
    outcomes = fuzz(range(2_000))
    assert outcomes["read"] < 1_400
    assert len(outcomes) > 20, "many different checks are reached"
