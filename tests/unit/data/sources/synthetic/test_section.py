"""Synthetic sections: the same from the same seed, and read as a user's own would be."""

import anndata
import numpy as np
import pandas as pd
import pytest

from past.cli.app import main
from past.data.shards.index import ShardIndex
from past.data.shards.verify import verify
from past.data.sources.anndata import AnnDataSource
from past.data.sources.synthetic import profiles
from past.data.sources.synthetic.section import SyntheticSource

TINY = SyntheticSource(patient=0, cells=40, seed=3)


@pytest.fixture(scope="module")
def tissue():
    return TINY.open()


def dense(counts):
    return np.asarray(counts.todense())


def test_the_same_seed_gives_the_same_section(tissue):
    again = TINY.open()
    np.testing.assert_array_equal(np.asarray(again.image), np.asarray(tissue.image))
    np.testing.assert_array_equal(dense(again.counts), dense(tissue.counts))
    other = SyntheticSource(patient=0, cells=40, seed=4).open()
    assert not np.array_equal(np.asarray(other.image)[:300, :300], np.asarray(tissue.image)[:300, :300])


def test_a_section_is_as_large_as_asked_and_its_crops_full_of_tissue(tissue):
    assert len(tissue) == len(tissue.names) == len(tissue.cell_types) == tissue.counts.shape[0] == 40
    assert set(tissue.cell_types) <= set(profiles.NAMES)
    crops = [record.crop for record in tissue.records(px=224, mpp=0.5, neighbours=8)]
    assert min(crop.min(axis=2).max(axis=1).min() for crop in crops) > 0  # no line is black


def test_it_passes_as_stained_tissue(tissue):
    tissue.check()
    red, green, blue = np.asarray(tissue.image).reshape(-1, 3).mean(axis=0)
    assert red > blue > green  # pink to purple


def test_patients_differ_in_stain_and_expression():
    sections = [SyntheticSource(patient=i, cells=30, seed=0).open() for i in range(3)]
    colours = np.array([np.asarray(section.image).reshape(-1, 3).mean(axis=0) for section in sections])
    assert np.ptp(colours, axis=0).max() > 5
    assert {section.section.patient for section in sections} == {"P01", "P02", "P03"}


def test_a_gene_list_is_kept_to(tissue):
    some = (profiles.GENES[7], "UNKNOWN", profiles.GENES[2])
    counts = dense(TINY.open(some).counts)
    np.testing.assert_array_equal(counts[:, [0, 2]], dense(tissue.counts)[:, [7, 2]])
    assert not counts[:, 1].any()


def test_it_can_be_brought_as_a_user_would(tmp_path, tissue):
    section = tissue.section
    meta = {"um_per_px": tissue.mpp, "patient": section.patient, "organism": section.species}
    adata = anndata.AnnData(
        X=tissue.counts,
        obs=pd.DataFrame({"cell_type": list(tissue.cell_types)}, index=pd.Index(tissue.names)),
        var=pd.DataFrame(index=pd.Index(profiles.GENES)),
        uns={"meta": {**meta, "tissue": section.organ, "platform": section.technology}},
        obsm={"spatial": tissue.centres.astype(np.float32)},
    )
    adata.write_h5ad(tmp_path / "S.h5ad")
    tissue.image.save(tmp_path / "S.png")
    read = AnnDataSource(tmp_path / "S.h5ad").open(profiles.GENES)
    np.testing.assert_array_equal(dense(read.counts), dense(tissue.counts))
    assert list(read.cell_types or ()) == list(tissue.cell_types or ())
    np.testing.assert_allclose(read.centres, tissue.centres, rtol=1e-6)
    one, other = (next(s.records(px=64, mpp=0.5, neighbours=4)) for s in (read, tissue))
    np.testing.assert_array_equal(one.crop, other.crop)


def test_the_command_makes_a_set(tmp_path, monkeypatch):
    options = ["--patients", "2", "--sections-per-patient", "2", "--cells", "12", "--px", "32"]
    monkeypatch.setattr("sys.argv", ["past", "shards", "synthetic", "--out", str(tmp_path), *options])
    with pytest.raises(SystemExit, match="0"):
        main()
    index = ShardIndex.read(tmp_path)
    assert list(index.sections) == ["P01S1", "P01S2", "P02S1", "P02S2"]
    assert (index.samples, index.patients) == (48, ("P01", "P02"))
    assert verify(index) == []


def test_the_recorded_cells_lie_a_margin_from_the_edge(tissue):
    side = np.ceil(np.sqrt(40 * 1350) + 2 * 56)  # µm
    assert tissue.image.size == (round(side / 0.5),) * 2
    places = tissue.centres * 0.5
    assert places.min() > 56
    assert places.max() < side - 56
    assert len(set(tissue.names)) == 40  # none twice
    facts = (tissue.section.section, tissue.section.patient, tissue.section.organ, tissue.section.technology)
    assert facts == ("P01S1", "P01", "synthetic breast", "Xenium")
    assert tissue.mpp == 0.5
