import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
import webdataset
from PIL import Image
from shards import samples_of
from toy_sections import GENES, SETTINGS, ToySource

from past.data.shards.cell_format import encode_arrays, encode_image, encode_sample, safe_name, sample_key, shard_name
from past.data.shards.records import CellRecord
from past.data.shards.write import write_shard


@pytest.fixture
def tissue():
    return ToySource("A 1.b/c").open(GENES)


@pytest.fixture
def records(tissue):
    return list(tissue.records(px=16, mpp=0.5, neighbours=3))


def test_names_hold_no_dot_and_no_slash():
    assert safe_name("A 1.b/c") == "A-1-b-c"
    assert sample_key("A 1.b/c", 12) == "A-1-b-c_0000012"
    assert shard_name("A 1.b/c", 3) == "A-1-b-c-000003.tar"


def test_a_shard_gives_back_its_records(tmp_path, tissue, records):
    path = tmp_path / "S.tar"
    shard = write_shard(path, records, tissue.section, 5, len(GENES), "png")
    assert (shard.samples, shard.bytes) == (10, path.stat().st_size)
    assert shard.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    samples = samples_of(path.read_bytes(), path.name, len(GENES))
    assert [sample.key for sample in samples] == [sample_key("A 1.b/c", 5 + i) for i in range(10)]
    for record, sample in zip(records, samples, strict=True):
        for name in ("genes", "counts", "offsets", "positions"):
            stored = getattr(sample, name)
            np.testing.assert_array_equal(stored, getattr(record, name).astype(stored.dtype))
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(sample.image))), record.crop)
        assert sample.meta == {
            "cell": record.name,
            "section": "A 1.b/c",
            "patient": "P",
            "organ": "breast",
            "technology": "Xenium",
            "species": "Homo sapiens",
            "mpp": 0.5,
        }


def test_headers_tell_nothing_of_the_writer_and_bytes_repeat(tmp_path, tissue, records):
    one, two = (write_shard(tmp_path / name, records, tissue.section, 0, len(GENES), "jpg") for name in ("1", "2"))
    assert one.sha256 == two.sha256
    with tarfile.open(tmp_path / "1") as tar:
        members = tar.getmembers()
    assert [member.name.split(".")[1] for member in members[:3]] == ["jpg", "npz", "json"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.mode, m.isreg()) for m in members} == {(0, 0, 0, "", 0o644, True)}


def test_any_webdataset_reader_reads_it(tmp_path, tissue, records):
    path = tmp_path / "S.tar"
    write_shard(path, records, tissue.section, 0, len(GENES), "webp")
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert len(samples) == 10
    arrays = np.load(io.BytesIO(samples[3]["npz"]), allow_pickle=False)
    np.testing.assert_array_equal(arrays["genes"], records[3].genes)
    assert json.loads(samples[3]["json"])["cell"] == "cell 3"


@pytest.mark.parametrize(("genes", "dtype"), [(65_536, np.uint16), (65_537, np.int32)])
@pytest.mark.parametrize(("largest", "count_dtype"), [(255, np.uint8), (256, np.uint16), (70_000, np.uint32)])
def test_ids_and_counts_take_no_more_room_than_they_need(genes, dtype, largest, count_dtype):
    record = CellRecord(
        "c", np.zeros((2, 2, 3), np.uint8), 0.5, np.array([0, genes - 1]), np.array([1.0, largest]), np.array([0, 2]),
        np.zeros((1, 2)),
    )  # fmt: skip
    arrays = np.load(io.BytesIO(encode_arrays(record, genes)), allow_pickle=False)
    assert arrays["genes"].dtype == dtype
    assert arrays["counts"].dtype == count_dtype
    assert arrays["genes"].tolist() == [0, genes - 1]
    assert arrays["counts"].tolist() == [1, largest]


def test_jpeg_keeps_colour_at_full_resolution():
    stripes = np.zeros((16, 16, 3), np.uint8)
    stripes[:, ::2] = (200, 80, 160)
    stripes[:, 1::2] = (90, 60, 140)
    decoded = np.asarray(Image.open(io.BytesIO(encode_image(stripes, "jpg")))).astype(int)
    assert np.abs(decoded - stripes).max() < 12


def test_a_known_type_is_told(tissue, records):
    typed = CellRecord(**{**vars(records[0]), "cell_type": "tumour"})
    members = dict(encode_sample(typed, tissue.section, "k", len(GENES), SETTINGS.image_format))
    assert json.loads(members["k.json"])["cell_type"] == "tumour"
