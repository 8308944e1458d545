"""A trained PAST on sections: as `task=retrieval` embeds their cells, whether they are cut already or not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pytest
from small_past import small_past, validating

import past
from past.base.errors import ConfigError, DataError
from past.data.shards.index import ShardIndex
from past.data.sources.anndata import AnnDataSource
from past.models.past.embed import embed_cells
from past.models.past.model import PASTModel
from past.models.past.sections import SectionEmbedder, SectionInShards, SectionToCut
from past.models.past.tower import trained_past


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Path]]:
    return small_past(tmp_path_factory.mktemp("small"))


@pytest.fixture
def embedder(made: tuple[Path, Path, list[Path]]) -> SectionEmbedder:
    return SectionEmbedder(trained_past(made[0], "cpu"), "mine", batch_size=7)


def to_cut(path: Path) -> SectionToCut:
    source = AnnDataSource(path)
    return SectionToCut(source, path, source.genes)


def test_a_section_is_embedded_as_retrieval_embeds_its_cells(
    made: tuple[Path, Path, list[Path]], embedder: SectionEmbedder, tmp_path: Path
) -> None:
    _, shards, sections = made
    data, model = validating(shards), embedder.saved.model
    assert isinstance(model, PASTModel)
    expected = embed_cells(model, data.val_dataloader())
    names = expected.column("cell")
    for section in (SectionInShards(ShardIndex.read(shards), "P2"), to_cut(sections[1])):
        assert embedder(section, tmp_path / "a.h5ad").tiles == 24
        found = anndata.read_h5ad(tmp_path / "a.h5ad")
        assert set(found.obs_names) == set(names)
        np.testing.assert_array_equal(found[names].obsm["X_past"], expected.images.numpy())
        np.testing.assert_array_equal(found[names].obsm["X_past_expression"], expected.cells.numpy())
        assert found.obs["patient"].unique().tolist() == ["P2"]
        (tmp_path / "a.h5ad").unlink()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_files_own_places_and_order_are_kept(
    made: tuple[Path, Path, list[Path]], embedder: SectionEmbedder, tmp_path: Path
) -> None:
    path = made[2][0]
    given, found = anndata.read_h5ad(path), embedder.table(to_cut(path), tmp_path / "scratch")
    assert list(found.obs_names) == list(given.obs_names)
    np.testing.assert_array_equal(found.obsm["spatial"], given.obsm["spatial"])
    in_shards = embedder.table(SectionInShards(ShardIndex.read(made[1]), "P1"), tmp_path)
    np.testing.assert_allclose(in_shards[found.obs_names].obsm["spatial"], given.obsm["spatial"], rtol=1e-6)  # 1 µm/px


def test_python_gives_what_the_command_writes(made: tuple[Path, Path, list[Path]], embedder: SectionEmbedder) -> None:
    model, _, sections = made
    found = past.embed(sections[0], str(model), device="cpu", technology="Spatial Transcriptomics")
    assert found.obsm["X_past"].shape == (24, 6)
    np.testing.assert_allclose(np.linalg.norm(found.obsm["X_past_expression"], axis=1), 1, rtol=1e-6)


def test_what_is_there_is_found_and_what_is_of_something_else_refused(
    made: tuple[Path, Path, list[Path]], embedder: SectionEmbedder, tmp_path: Path
) -> None:
    out, first, second = tmp_path / "a.h5ad", to_cut(made[2][0]), to_cut(made[2][1])
    assert embedder(first, out).made
    assert not embedder(first, out).made
    with pytest.raises(ConfigError, match=r"a\.h5ad: was made with another section .*: give another --out"):
        embedder(second, out)
    with pytest.raises(ConfigError, match=r"was made with another model \(mine, now yours\)"):
        replace(embedder, name="yours")(first, out)
    out.write_bytes(made[2][0].read_bytes())
    with pytest.raises(DataError, match=r"a\.h5ad: not embeddings that 'past embed' made .*: give another --out"):
        embedder(first, out)


@pytest.mark.parametrize(
    ("setting", "said"), [("px", "of 24 px, the model was trained on 32 px"), ("mpp", "0.5 µm/px")]
)
def test_shards_of_other_crops_are_refused(
    made: tuple[Path, Path, list[Path]], embedder: SectionEmbedder, tmp_path: Path, setting: str, said: str
) -> None:
    crops = {**embedder.saved.crops, setting: {"px": 32, "mpp": 0.25}[setting]}
    other = replace(embedder, saved=replace(embedder.saved, crops=crops))
    with pytest.raises(DataError, match=said):
        other.table(SectionInShards(ShardIndex.read(made[1]), "P1"), tmp_path)


def test_nothing_is_left_of_a_section_that_cannot_be_read(
    made: tuple[Path, Path, list[Path]], embedder: SectionEmbedder, tmp_path: Path
) -> None:
    lonely = tmp_path / "P1.h5ad"
    lonely.write_bytes(made[2][0].read_bytes())
    read: Callable[[], object] = lambda: embedder(to_cut(lonely), tmp_path / "out" / "a.h5ad")  # noqa: E731
    with pytest.raises(DataError, match="no image"):
        read()
    assert list((tmp_path / "out").glob("*")) == []
