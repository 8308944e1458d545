"""`past shards slides`: of cell shards, and what it refuses. What the slides hold is tested where STPath is trained."""

from pathlib import Path

import anndata
import numpy as np
import pytest
from toy_sections import GENES, SETTINGS, ToySource
from typer.testing import CliRunner

from past.base.errors import ConfigError
from past.cli.app import app
from past.cli.options import PlatformOptions
from past.cli.slides import TileOptions, _sources
from past.data.shards.index import ShardIndex
from past.data.shards.writers import write_set


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells") / "set"
    write_set(folder, [ToySource("A", 5, "P1"), ToySource("B", 6, "P2")], SETTINGS, GENES)
    return folder


def slides(*words: object) -> str:
    result = CliRunner().invoke(app, ["shards", "slides", *map(str, words)])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_cell_shards_become_slides_in_their_crops_and_genes(cells: Path, tmp_path: Path) -> None:
    slides(cells, "--organ", "breast", "--out", tmp_path)
    made = ShardIndex.read(tmp_path)
    assert made.genes == GENES
    assert (made.settings["px"], made.settings["encoder"], made.settings["width"]) == (16, "grid", 48)
    assert {name: facts["spots"] for name, facts in made.sections.items()} == {"A": 5, "B": 6}
    with pytest.raises(ConfigError, match="holds slides already: give a directory of cell shards"):
        slides(tmp_path, "--organ", "breast", "--out", tmp_path / "again")


def test_options_that_cut_cells_are_refused_where_they_are_cut(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--image-mpp, --px: .* holds cells that are cut"):
        slides(cells, "--px", 64, "--image-mpp", 0.3, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_one_directory_at_a_time(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="2 folders: give one directory of cell shards"):
        slides(cells, cells, "--out", tmp_path / "out")


def test_what_is_no_image_encoder_is_refused(cells: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--encoder past: no image encoder by itself"):
        slides(cells, "--encoder", "past", "--out", tmp_path / "out")


@pytest.mark.parametrize(("allow", "benchmark"), [(False, "refused"), (True, "allowed")])
def test_sections_are_cut_as_the_options_say(tmp_path: Path, allow: bool, benchmark: str) -> None:
    adata = anndata.AnnData(np.ones((2, 3), np.float32))
    adata.var_names = ["A", "B", "C"]
    adata.write_h5ad(tmp_path / "S.h5ad")
    options = TileOptions(out=tmp_path / "out", px=96, mpp="0.4", allow_benchmark=allow)
    sources, genes, cut = _sources([tmp_path / "S.h5ad"], PlatformOptions(), options)
    assert [source.name for source in sources] == ["S"]
    assert list(genes) == ["A", "B", "C"]
    assert (cut.source, cut.px, cut.mpp, cut.benchmark) == ("anndata", 96, 0.4, benchmark)
