"""HDF5 files that are well formed and lie: other types, shapes, values and attributes, and links to elsewhere."""

import io
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from fuzz.dice import Dice

LARGE = 1_000_000  # values: a claim, of which nothing is read here


def hdf5_of(dice: Dice, content: bytes) -> bytes:
    """The file with one thing changed, or a few."""
    memory = io.BytesIO(content)
    with h5py.File(memory, "r+") as file:
        for _ in range(dice.of([1, 1, 1, 2])):
            names: list[str] = []
            file.visit(names.append)  # type: ignore[arg-type]
            if names:
                dice.of(_CHANGES)(dice, file, dice.of(names))
    return memory.getvalue()


def _remove(dice: Dice, file: Any, name: str) -> None:
    del file[name]


def _value(dice: Dice, file: Any, name: str) -> None:
    """One value of a data set is another."""
    item = file[name]
    if not isinstance(item, h5py.Dataset) or not 0 < (item.size or 0) < LARGE:
        return
    values = np.asarray(item).copy()
    flat = values.reshape(-1)
    for _ in range(dice.of([1, 1, 3])):
        place = dice.below(len(flat))
        if values.dtype.kind in "iu":
            flat[place] = np.array(dice.integer()).astype(values.dtype)
        elif values.dtype.kind == "f":
            with np.errstate(all="ignore"):
                flat[place] = dice.of([np.nan, np.inf, -1, 0.5, 1e30, 2**31, 2.0**63])
        elif values.dtype.kind == "O":
            flat[place] = dice.of(["", "a", "x" * 10_000, "é", str(flat[dice.below(len(flat))]), "nan"])
        elif values.dtype.kind == "S":
            flat[place] = dice.of([b"", b"\xff\xfe", b"a", bytes(flat[dice.below(len(flat))])])
    _put(file, name, values)


def _kind(dice: Dice, file: Any, name: str) -> None:
    """A data set of another type, shape or none; or a group where a data set was, and the other way round."""
    if isinstance(file[name], h5py.Group):
        kept = dict(file[name].attrs)
        del file[name]
        file[name] = np.arange(5)
        file[name].attrs.update({key: value for key, value in kept.items() if dice.chance(0.8)})
        return
    if (file[name].size or 0) > LARGE:
        return
    values = np.asarray(file[name])
    numbers = np.arange(max(1, values.size))
    others = [
        lambda: numbers.astype(dice.of(["<f4", "<i2", "|u1", "<f8", ">i8", "<u8", "?"])).reshape(values.shape or 1),
        lambda: values.reshape(-1)[: dice.below(values.size + 1)],
        lambda: values[None],
        lambda: np.array(dice.integer()),
        lambda: np.array([f"a{i}" for i in range(max(1, values.size))], dtype="S"),
        lambda: np.zeros(max(1, values.size), dtype=[("a", "<i4"), ("b", "<f4")]),
        lambda: h5py.Empty("f"),
        lambda: numbers.astype("<c16"),
        lambda: np.concatenate([values.reshape(-1)] * 2),
    ]
    _put(file, name, dice.of(others)())


def _huge(dice: Dice, file: Any, name: str) -> None:
    """A data set that claims more than any machine has, or more than this one may take; next to none is stored."""
    if isinstance(file[name], h5py.Group):
        return
    dtype = file[name].dtype if file[name].dtype.kind in "iuf" else np.dtype("<f8")
    kept = dict(file[name].attrs)
    ndim = max(1, file[name].ndim)
    del file[name]
    shape = (dice.of([10**15, 10**11, 3 * 10**9, 4 * 10**8]), *[dice.of([1, 2, 10**3])] * (ndim - 1))
    options: dict[str, Any] = dice.of([{"chunks": (1024, *[1] * (ndim - 1)), "compression": "gzip"}, {"chunks": True}])
    file.create_dataset(name, shape, dtype, **options).attrs.update(kept)


def _attribute(dice: Dice, file: Any, name: str) -> None:
    """An attribute is gone, or says something else."""
    attrs = file[name].attrs if dice.chance(0.9) else file.attrs
    keys = list(attrs)
    if not keys:
        return
    key = dice.of(keys)
    others: list[Any] = ["csr_matrix", "csc_matrix", "array", "dataframe", "categorical", "string-array", "dict", "x"]
    others += ["nullable-integer", "awkward-array", "rec-array", "raw", "anndata", "null", "numeric-scalar", "9.9.9"]
    others += [-1, 2**40, 0.5, np.array([1, 2]), np.array([2**40, 2**40]), np.array([-1, 5]), np.array(["a", "b"], "S")]
    others += [np.array([], dtype="<i8"), h5py.Empty("f"), "a" * 10_000, "../../outside/private", True]
    if dice.chance(0.2):
        del attrs[key]
    else:
        attrs[key] = dice.of(others)


def _elsewhere(dice: Dice, file: Any, name: str) -> None:
    """The data lie outside the file."""
    item = file[name]
    kept = dict(item.attrs)
    shape, dtype = (item.shape, item.dtype) if isinstance(item, h5py.Dataset) else ((4,), np.dtype("<i8"))
    dtype = dtype if dtype.kind in "iuf" else np.dtype("<i8")
    del file[name]
    private = str(dice.outside / "private.h5")
    kind = dice.below(4)
    if kind == 0:
        file[name] = h5py.ExternalLink(dice.of([private, "../outside/private.h5"]), "/data")
    elif kind == 1 and shape:
        size = int(np.prod(shape)) * dtype.itemsize
        file.create_dataset(name, shape, dtype, external=[(str(dice.outside / "private.bin"), 0, max(size, 8))])
        file[name].attrs.update(kept)
    elif kind == 2 and shape:
        layout = h5py.VirtualLayout(shape, dtype)
        layout[...] = h5py.VirtualSource(private, "data", shape)
        file.create_virtual_dataset(name, layout).attrs.update(kept)
    else:
        file[name] = h5py.SoftLink(dice.of(["/", f"/{name}", "/nowhere", "/obs", "/X"]))


def _copy(dice: Dice, file: Any, name: str) -> None:
    """One thing stands in the place of another, or within itself."""
    names: list[str] = []
    file.visit(names.append)
    other = dice.of(names)
    if dice.chance(0.2) and isinstance(file[name], h5py.Group):
        file[name][dice.of(["again", "X", "_index"]) + "_"] = file[name]
    elif other != name and not other.startswith(f"{name}/") and not name.startswith(f"{other}/"):
        del file[name]
        file.copy(other, name)


def _add(dice: Dice, file: Any, name: str) -> None:
    """Something that nobody asked for."""
    place = file[name] if isinstance(file[name], h5py.Group) else file
    key = dice.of(["X", "raw", "layers", "obsp", "a\x1b[31m", "x" * 5_000, "meta", "counts", "spatial", "uns", "é"])
    if key not in place:
        place[key] = dice.of([np.arange(3), "text", np.array([b"\xff"]), h5py.Empty("f"), np.zeros((2, 0))])


def _put(file: Any, name: str, values: Any) -> None:
    kept = dict(file[name].attrs)
    del file[name]
    file[name] = values
    file[name].attrs.update(kept)


_CHANGES: tuple[Callable[[Dice, Any, str], None], ...] = (
    *(_value, _value, _value, _kind, _kind, _attribute, _attribute),
    *(_remove, _huge, _elsewhere, _copy, _add),
)
