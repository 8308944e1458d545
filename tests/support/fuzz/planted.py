"""Readers that do what none may: the fuzzer must notice each."""

import faulthandler
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py

from fuzz.case import Contents, Format
from past.base.errors import DataError


def _sound() -> Contents:
    return {"a.txt": b"sound"}


def _outside(folder: Path) -> None:
    (folder.parent / "outside" / "private.json").read_bytes()


def _outside_by_a_library(folder: Path) -> None:
    h5py.File(folder.parent / "outside" / "private.h5", "r").close()


def _written_elsewhere(folder: Path) -> None:
    (folder.parent / "new.txt").write_text("new")


def _program(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def _address(folder: Path) -> None:
    with socket.socket() as one:
        one.connect_ex(("127.0.0.1", 9))


def _traceback(folder: Path) -> None:
    raise KeyError("a")


def _memory(folder: Path) -> None:
    bytearray(3 << 30)


def _crash(folder: Path) -> None:
    faulthandler._sigsegv()


def _hang(folder: Path) -> None:
    while True:
        pass


def _nameless(folder: Path) -> None:
    raise DataError("something is wrong")


def _refused(folder: Path) -> None:
    raise DataError(f"{folder / 'a.txt'}: not what it says: copy it again")


def _planted(harm: Callable[[Path], None]) -> Format:
    def read(folder: Path) -> None:
        if (folder / "a.txt").read_bytes() != b"sound":
            harm(folder)

    return Format(_sound, read, {"a.txt": []}, 20)


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "outside": (_outside, "touched what is not its own: open '.*private.json'"),
    "library": (_outside_by_a_library, "opened by a library: private.h5"),
    "written": (_written_elsewhere, "touched what is not its own: open '.*new.txt'"),
    "program": (_program, "touched what is not its own: subprocess.Popen"),
    "address": (_address, "touched what is not its own: socket.connect"),
    "traceback": (_traceback, "KeyError"),
    "memory": (_memory, "MemoryError"),
    "crash": (_crash, "crashed, .*Segmentation fault"),
    "hang": (_hang, r"took over 2 s: .*"),
    "nameless": (_nameless, "names no file: something is wrong"),
}
FORMATS = {name: _planted(harm) for name, (harm, _) in HARMS.items()} | {"refused": _planted(_refused)}
