"""Archives (tar, zip, npz, safetensors) whose headers are well formed and lie."""

import io
import json
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import numpy as np

from fuzz.dice import Dice
from fuzz.texts import changed

BLOCK = 512
_KINDS = b"0\x001234567gxLKSVDNAX"  # all types of entries: files, links, devices, sparse, extended headers


def tar_of(dice: Dice, content: bytes) -> bytes:
    """A tar of which one header says something else, its checksum right; or members are exchanged."""
    members = _members(content)
    place = dice.below(len(members))
    header, body = members[place]
    kind = dice.below(9)
    if kind == 0:
        header = _field(header, 0, 100, _name(dice))
    elif kind == 1:
        header = _field(header, 156, 1, bytes([dice.of(_KINDS)]))
        header = _field(header, 157, 100, dice.word().encode("utf-8", "replace"))
    elif kind == 2:
        size = dice.of([b"77777777777", b"0", b"-1", b"00000000001", b"\x80" + bytes(10) + b"\xff", b"9" * 11, b""])
        header = _field(header, 124, 12, size)
    elif kind == 3:
        header = _field(header, 345, 155, _name(dice))
    elif kind == 4:
        members.insert(place, members[dice.below(len(members))])
    elif kind == 5:
        del members[place]
        return b"".join(h + b for h, b in members) + bytes(2 * BLOCK)
    elif kind == 6:
        other = dice.below(len(members))
        members[other], members[place] = members[place], members[other]
        return b"".join(h + b for h, b in members) + bytes(2 * BLOCK)
    elif kind == 7:
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=dice.of([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])) as tar:
            info = tarfile.TarInfo("x" * dice.of([5, 200]) + ".json")
            info.type = dice.of([tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
            info.linkname = str(dice.outside / "private.json")
            tar.addfile(info)
        return file.getvalue() + content
    else:
        return content + content
    members[place] = (header, body)
    return b"".join(h + b for h, b in members) + bytes(2 * BLOCK)


def _name(dice: Dice) -> bytes:
    return dice.of(["../a.json", "/etc/a.npz", "a.npz.npz", "S0_0000000.exe", "", "a", ".json", dice.word()]).encode(
        "utf-8", "replace"
    )


def _members(content: bytes) -> list[tuple[bytes, bytes]]:
    members, place = [], 0
    while place < len(content) and content[place : place + BLOCK] != bytes(BLOCK):
        size = int(content[place + 124 : place + 135], 8)
        end = place + BLOCK + -(-size // BLOCK) * BLOCK
        members.append((content[place : place + BLOCK], content[place + BLOCK : end]))
        place = end
    return members


def _field(header: bytes, start: int, length: int, value: bytes) -> bytes:
    filled = header[:start] + value[:length].ljust(length, b"\0") + header[start + length :]
    blank = filled[:148] + b" " * 8 + filled[156:]
    return blank[:148] + b"%06o\0 " % sum(blank) + blank[156:]


def npz_of(dice: Dice, content: bytes) -> bytes:
    """An npz of which one array has another header, type, shape or content; or the archive itself is odd."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    name = dice.of(list(arrays))
    kind = dice.below(4)
    if kind == 0:
        arrays[name] = npy_of(dice, arrays[name])
    elif kind == 1:
        arrays[name] = _other_array(dice, arrays[name])
    elif kind == 2:
        arrays = {dice.word() if other == name else other: body for other, body in arrays.items()}
    else:
        del arrays[name]
    return zip_of_members(dice, arrays)


def npy_of(dice: Dice, content: bytes) -> bytes:
    """An array with another header."""
    length = int.from_bytes(content[8:10], "little")
    body = content[10 + length :]
    descr = dice.of(["|O", "<f4", "<i8", "<u1", "<U9", "|V8", ">f8", "<m8[s]", "object", "f" * 999, "<f16", "<c16"])
    shape = dice.of(["(10**15,)", "(1000000000000000,)", "(-1,)", "()", "(0,)", "(2, 2, 2)", "(1,)" * 99, "(True,)"])
    order = dice.of(["False", "True", "None", "1"])
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}"
    header = dice.of([header, header, "(" * 5_000, "__import__('os').system('true')", "{}", header * 2])
    encoded = header.encode().ljust(118) + b"\n"
    magic = dice.of([b"\x93NUMPY\1\0", b"\x93NUMPY\1\0", b"\x93NUMPY\3\0", b"\x93NUMPY\t\t"])
    return magic + struct.pack("<H", len(encoded) % 65_536) + encoded + dice.of([body, b"", PICKLE])


PICKLE = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R."  # runs `true` where it is unpickled


def _other_array(dice: Dice, content: bytes) -> bytes:
    array = np.load(io.BytesIO(content), allow_pickle=False)
    flat = array.ravel().copy()
    with np.errstate(all="ignore"):
        if len(flat):
            flat[dice.below(len(flat))] = np.array(dice.of([0, -1, 1, 2**15, 2**31 - 1, -(2**31)])).astype(array.dtype)
        if array.dtype.kind == "f" and len(flat) and dice.chance(0.5):
            flat[dice.below(len(flat))] = dice.of([np.nan, np.inf, 1e300, -1e300])
        other = dice.of(
            [flat.reshape(array.shape), flat[: dice.below(len(flat) + 1)], flat[::-1], array[None], flat[:0]]
        )
        other = other.astype(dice.of([array.dtype] * 4 + ["<i8", "<f8", "|u1", "<f2", ">i4"]))
    file = io.BytesIO()
    np.save(file, other, allow_pickle=False)
    return file.getvalue()


def zip_of_members(dice: Dice, members: dict[str, bytes]) -> bytes:
    """A zip of these; now and then compressed, of a member twice, with a comment, or a bomb."""
    method = dice.of([zipfile.ZIP_STORED] * 4 + [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, body in members.items():
            if dice.chance(0.002):
                archive.writestr(
                    zipfile.ZipInfo(_plain(name)), bytes(64 << 20), zipfile.ZIP_DEFLATED
                )  # 64 KB, of zeros
            else:
                archive.writestr(zipfile.ZipInfo(_plain(name)), body)
        if dice.chance(0.05):
            archive.comment = b"PK\5\6" * 9
    return file.getvalue()


def _plain(name: str) -> str:
    """A name that zipfile writes."""
    return name.replace("\0", "0").encode("utf-8", "replace").decode()[:9_000]


def zip_headers(dice: Dice, content: bytes) -> bytes:
    """A zip of which one header claims another size, method, flag, place, checksum or name."""
    changed = bytearray(content)
    marks = [mark for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6") if mark in content]
    places = [place for mark in marks for place in _all(content, mark)]
    if not places:
        return content
    place = dice.of(places)
    fields = {
        b"PK\1\2": (8, 10, 16, 20, 24, 28, 30, 42),
        b"PK\3\4": (6, 8, 14, 18, 22, 26, 28),
        b"PK\5\6": (8, 10, 12, 16),
    }
    at = place + dice.of(fields[content[place : place + 4]])
    size = dice.of([2, 4])
    value = dice.of([0, 1, 8, 12, 14, 99, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1])
    changed[at : at + size] = (value % 256**size).to_bytes(size, "little")
    return bytes(changed)


def _all(content: bytes, mark: bytes) -> list[int]:
    found, place = [], content.find(mark)
    while place >= 0 and len(found) < 500:
        found.append(place)
        place = content.find(mark, place + 1)
    return found


def zip_members(change: Callable[[Dice, bytes], bytes], suffix: str = "") -> Callable[[Dice, bytes], bytes]:
    """Make what changes one member of a zip, whose checksum is right."""

    def within(dice: Dice, content: bytes) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        names = [name for name in members if name.endswith(suffix)]
        name = dice.of(names)
        if dice.chance(0.1):
            del members[name]
        else:
            members[name] = change(dice, members[name])
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            for name, body in members.items():
                archive.writestr(zipfile.ZipInfo(name), body)
        return file.getvalue()

    return within


def gzipped(change: Callable[[Dice, bytes], bytes]) -> Callable[[Dice, bytes], bytes]:
    """Make what changes the content of a gzip file, or makes a bomb of it."""

    def within(dice: Dice, content: bytes) -> bytes:
        body = change(dice, zlib.decompress(content, 31))
        if dice.chance(0.01):
            body = bytes(32 << 20)
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        packed = packer.compress(body) + packer.flush()
        return packed * 40 if dice.chance(0.01) else packed

    return within


def safetensors_of(dice: Dice, content: bytes) -> bytes:
    """A safetensors file whose header is JSON that says something else."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(changed(dice, json.loads(content[8 : 8 + length])), ensure_ascii=True).encode()
    claimed = dice.of([len(header)] * 6 + [0, len(header) - 1, 10**8, 2**63])
    return claimed.to_bytes(8, "little") + header + content[8 + length :]
