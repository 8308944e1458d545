"""A process that reads inputs under watch: `python -m fuzz.worker FOLDER`, then a line on stdin for each task.

A task is `MODULE FORMAT FIRST END`; the answer is `ready`, a line `NUMBER read|refused|bad JSON` for each input, and
`done`. What it wrote last lies in FOLDER/case, so that who started it finds the input after a crash.
"""

import faulthandler
import gc
import json
import os
import shutil
import sys
import traceback
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np

from fuzz.case import Contents, Format, case_of, keep
from fuzz.watch import Watch, lift_memory, limit_memory
from past.base.errors import PastError

LONGEST = 1_000  # letters of a sentence


def main() -> None:
    """Answer tasks until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print
    faulthandler.enable()
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1]).resolve()
    outside = private_files(folder / "outside")
    case = folder / "case"
    case.mkdir(parents=True, exist_ok=True)
    watch = Watch(case, outside)
    for line in sys.stdin:
        module, name, first, end = line.split()
        form = import_module(module).FORMATS[name]
        reader = Reader(name, form, case, outside, watch)
        answers.write("ready\n")
        for number in range(int(first), int(end)):
            said = reader.read(number)
            if said.startswith("bad"):
                keep(folder, name, number)
            answers.write(f"{number} {said}\n")
        lift_memory()
        answers.write("done\n")


def private_files(folder: Path) -> Path:
    """Make the files that no input may bring in."""
    import h5py

    if not folder.is_dir():
        folder.mkdir(parents=True)
        with h5py.File(folder / "private.h5", "w") as file:
            file["data"] = np.arange(4)
        for suffix in ("bin", "json", "csv", "jpg", "safetensors"):
            (folder / f"private.{suffix}").write_bytes(b"7" * 4096)
    return folder


class Reader:
    """Reads the inputs of one format, one after the other, from one folder."""

    def __init__(self, name: str, form: Format, case: Path, outside: Path, watch: Watch) -> None:
        self._name, self._form, self._case, self._outside, self._watch = name, form, case, outside, watch
        lift_memory()
        self._sound = form.make()
        self._empty()
        self._written: Contents = {}
        self._write(form.pack(self._sound))
        for _ in range(2):  # imports what it needs, and shows that it can be read
            form.read(case)
        gc.collect()
        limit_memory()

    def read(self, number: int) -> str:
        """Read an input; say what came of it."""
        self._write(case_of(self._name, self._form, self._sound, number, self._outside))
        self._watch.begin()
        try:
            self._form.read(self._case)
            said, found = "read", None
        except PastError as error:
            said, found = "refused", self._fault_of(str(error))
        except BaseException as error:  # noqa: BLE001 (whatever it is)
            frames = traceback.extract_tb(error.__traceback__)
            own = [
                f"{frame.filename.rpartition('/past/')[2]}:{frame.lineno}"
                for frame in frames
                if "/past/" in frame.filename
            ]
            said, found = "bad", f"{type(error).__name__} at {own[-1] if own else frames[-1]}: {str(error)[:300]}"
        touched = self._watch.end()
        if touched:
            found = f"touched what is not its own: {'; '.join(touched)[:500]}"
        return said if found is None else f"bad {json.dumps(found)}"

    def _fault_of(self, sentence: str) -> str | None:
        """Say what is wrong with a sentence; None: nothing."""
        if not sentence.isprintable():
            return f"not one printable line: {sentence[:300]!r}"
        if len(sentence) > LONGEST:
            return f"{len(sentence)} letters: {sentence[:300]}"
        names = {part for path in self._written for part in (*Path(path).parts, Path(path).stem)} - {"st"}
        if (
            str(self._case) not in sentence
            and "section" not in sentence
            and not any(name in sentence for name in names)
        ):
            return f"names no file: {sentence[:300]}"
        return None

    def _write(self, files: Contents) -> None:
        for path, content in files.items():
            if self._written.get(path) != content:
                (self._case / path).parent.mkdir(parents=True, exist_ok=True)
                (self._case / path).write_bytes(content)
        for path in self._written.keys() - files.keys():
            (self._case / path).unlink(missing_ok=True)
        self._written = files

    def _empty(self) -> None:
        shutil.rmtree(self._case)
        self._case.mkdir()


if __name__ == "__main__":
    main()
