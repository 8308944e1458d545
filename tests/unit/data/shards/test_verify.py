import hashlib
import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from toy_sections import GENES, SETTINGS, ToySource

from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.verify import summary, verify
from past.data.shards.write import write_shard
from past.data.shards.writers import write_set

SOURCES = [ToySource("A", 10, "P1"), ToySource("B", 7, "P2")]


@pytest.fixture
def root(tmp_path):
    write_set(tmp_path, SOURCES, SETTINGS, GENES)
    return tmp_path


def rewrite(root, name, change):
    """Replace a shard by one whose members went through `change`, and count it, hash and all."""
    with tarfile.open(root / name) as tar:
        members = [(member.name, tar.extractfile(member).read()) for member in tar.getmembers()]
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, body in change(members):
            info = tarfile.TarInfo(member)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return recount(root, name, content.getvalue())


def recount(root, name, content):
    (root / name).write_bytes(content)
    index = ShardIndex.read(root)
    new = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return replace(index, shards=tuple(replace(s, **new) if s.name == name else s for s in index.shards))


def test_a_good_set_has_no_faults_and_is_summed_up(root):
    index = ShardIndex.read(root)
    seen = []
    assert verify(index, report=lambda: seen.append(1)) == []
    assert len(seen) == len(index.shards) == 5
    total = sum(path.stat().st_size for path in root.glob("*.tar"))
    assert summary(index) == {"cells": 17, "sections": 2, "patients": 2, "shards": 5, "genes": 12, "bytes": total}


def test_processes_find_the_same(root):
    (root / "A-000001.tar").write_bytes((root / "A-000000.tar").read_bytes())
    (root / "B-000001.tar").unlink()
    index = ShardIndex.read(root)
    assert sorted(verify(index, workers=2)) == sorted(verify(index, workers=1))


def test_one_flipped_bit_is_found(root):
    content = bytearray((root / "A-000001.tar").read_bytes())
    content[700] ^= 1
    (root / "A-000001.tar").write_bytes(content)
    faults = verify(ShardIndex.read(root))
    assert faults[0] == "A-000001.tar: its bytes do not match the index's hash: changed or damaged"


def test_every_bad_shard_is_named(root):
    (root / "A-000000.tar").unlink()
    (root / "B-000000.tar").write_bytes(b"cut")
    (root / "stray.tar").write_bytes(b"")
    faults = verify(ShardIndex.read(root))
    assert len(faults) == 3
    assert faults[0].startswith("stray.tar: lies in")
    assert faults[1] == "A-000000.tar: cannot be read (No such file or directory)"
    assert "B-000000.tar: 3 bytes, the index says" in faults[2]


def other_image(members, side=8):
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, "PNG")
    return [(name, file.getvalue() if name.endswith("png") else body) for name, body in members]


def other_patient(members):
    return [
        (name, json.dumps({**json.loads(body), "patient": "P9"}).encode() if name.endswith("json") else body)
        for name, body in members
    ]


def other_organ(members):
    return [
        (name, body.replace(b'"organ": "', b'"organ": "un') if name.endswith("json") else body)
        for name, body in members
    ]


def with_value(array, value):
    """Return a change that puts a value into an array of every sample, as a float64 where it must be one."""

    def change(members):
        return [(name, _with_value(body, array, value) if name.endswith("npz") else body) for name, body in members]

    return change


def _with_value(body, array, value):
    arrays = dict(np.load(io.BytesIO(body)))
    changed = arrays[array].astype(np.float64)
    changed.flat[0] = value
    file = io.BytesIO()
    np.savez(file, **{**arrays, array: changed})
    return file.getvalue()


def zero_count(members):
    changed = []
    for name, body in members:
        if name.endswith("npz"):
            arrays = dict(np.load(io.BytesIO(body)))
            arrays["counts"] = arrays["counts"] * 0
            file = io.BytesIO()
            np.savez(file, **arrays)
            body = file.getvalue()
        changed.append((name, body))
    return changed


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda members: members[:-3], "ends after 3 samples, the index counts 4"),
        (lambda members: [*members, *rename(members[:3], "A_0000099")], "has more samples than the 4"),
        (lambda members: members[3:6] + members[:3] + members[6:], "sample A_0000001: should be A_0000000"),
        (lambda members: [m for m in members if m[0] != "A_0000002.json"], "A_0000002: its members are png, npz"),
        (lambda members: [(n, b[:-40] if n == "A_0000001.png" else b) for n, b in members], "does not decode"),
        (other_image, "its image claims 8 × 8 px, not 16 × 16"),
        (other_patient, "is of patient 'P9', its shard of 'P1'"),
        (zero_count, "counts holds a number that is not above 0"),
        (with_value("counts", 1e300), "counts holds a number that is not above 0, or is above 4,294,967,295"),
        (with_value("counts", np.nan), "counts holds a number that is not above 0"),
        (with_value("counts", -1), "counts holds a number that is not above 0"),
        (with_value("counts", 0.5), "counts holds a number that is not whole"),
        (with_value("positions", 1e300), "positions has shape (4, 2): wanted (4, 2) finite numbers, none beyond 1e+08"),
        (with_value("positions", np.nan), "positions has shape"),
        (other_organ, "is of organ 'unbreast', the index says 'breast'"),
    ],
)
def test_what_is_wrong_within_a_shard_is_told(root, change, fault):
    faults = verify(rewrite(root, "A-000000.tar", change))
    assert faults
    assert all(found.startswith("A-000000.tar: ") for found in faults)
    assert any(fault in found for found in faults)


def rename(members, key):
    return [(f"{key}.{name.split('.')[1]}", body) for name, body in members]


def test_only_the_first_faults_of_a_shard_are_told(root):
    index = rewrite(root, "A-000000.tar", lambda members: other_image(other_patient(members)))
    faults = verify(index)
    assert len(faults) == 6
    assert faults[-1] == "A-000000.tar: and 3 more"


def test_counts_of_sections_and_shards_are_compared(root):
    index = ShardIndex.read(root)
    wrong = {**index.sections, "A": {**index.sections["A"], "cells": 11}}
    assert verify(replace(index, sections=wrong)) == ["section A: should have 11 cells, its shards have 10"]
    twice = replace(index, shards=(*index.shards, index.shards[-1]))
    assert "B-000001.tar: the index counts it 2 times" in verify(twice)


def test_a_section_of_another_patient_than_its_shards_is_told(root):
    index = ShardIndex.read(root)
    wrong = {**index.sections, "B": {**index.sections["B"], "patient": "P1"}}
    faults = verify(replace(index, sections=wrong))
    assert faults == [f"B-00000{i}.tar: is of patient P2, its section of P1" for i in range(2)]


def test_a_sample_reads_few_cells_and_finds_what_is_wrong_with_them(root, monkeypatch):
    index = rewrite(root, "A-000000.tar", other_image)
    faults = verify(index, sample=0.99, seed=0)
    assert 2 <= len(faults) <= 4
    decoded = []
    monkeypatch.setattr("past.data.shards.verify._check_sample", lambda *args: decoded.append(args) or [])
    assert verify(index, sample=0.2, seed=0) == []
    assert len(decoded) == 3


def test_an_empty_shard_is_counted_as_such(tmp_path):
    tissue = SOURCES[0].open(GENES)
    shard = write_shard(tmp_path / "E-000000.tar", [], tissue.section, 0, len(GENES), "png")
    assert isinstance(shard, Shard)
    assert shard.samples == 0
    index = ShardIndex(GENES, (shard,), {"px": 16}, {"A": {"patient": "P1", "cells": 0}}, str(tmp_path))
    assert verify(index) == []


@pytest.mark.parametrize("sample", [1, 0.1])
def test_a_set_of_nothing_is_not_called_good(root, sample):
    index = replace(ShardIndex.read(root), shards=(), sections={})
    for path in root.glob("*.tar"):
        path.unlink()
    assert verify(index, sample=sample) == [f"{root}: its index counts no shards: write them again"]
