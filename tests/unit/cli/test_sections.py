"""`past embed` on sections and cell shards: which they are, and a trained PAST's embeddings of each."""

from pathlib import Path

import anndata
import numpy as np
import pytest
from small_past import small_past
from typer.testing import CliRunner

from past.base.errors import PastError
from past.base.text.tables import read_words
from past.cli.app import app


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[Path]]:
    return small_past(tmp_path_factory.mktemp("small"))


def embed(*words: object) -> str:
    """Run it; return what it complains of."""
    done = CliRunner().invoke(app, ["embed", *map(str, words), "--device", "cpu"])
    if done.exception is None or isinstance(done.exception, SystemExit):
        assert done.exit_code == 0, done.output
        return ""
    assert isinstance(done.exception, PastError), done.exception
    return str(done.exception)


def test_sections_and_shards_become_an_h5ad_each(made: tuple[Path, Path, list[Path]], tmp_path: Path) -> None:
    model, shards, sections = made
    (tmp_path / "broken.h5ad").write_bytes(b"no section")
    said = embed(*sections, tmp_path / "broken.h5ad", "--encoder", model, "--out", tmp_path / "cut")
    assert "broken.h5ad: not an h5ad file" in said
    assert embed(shards, "--encoder", model, "--out", tmp_path / "shards") == ""
    for name in ("P1", "P2"):
        cut, found = (anndata.read_h5ad(tmp_path / kind / f"{name}.h5ad") for kind in ("cut", "shards"))
        for key in ("X_past", "X_past_expression"):
            np.testing.assert_allclose(found[cut.obs_names].obsm[key], cut.obsm[key], rtol=1e-5, atol=1e-6)
    rows = read_words(tmp_path / "cut" / "summary.csv", ["slide"], "")
    assert [(row["slide"], row["state"], row["tiles"]) for row in rows] == [
        ("P1", "done", "24"),
        ("P2", "done", "24"),
        ("broken", "broken", ""),
    ]


def test_a_table_says_what_files_do_not_and_a_share_is_done(
    made: tuple[Path, Path, list[Path]], tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text("slide,patient\n" + "".join(f"{path},Q\n" for path in made[2]))
    assert embed(tmp_path / "t.csv", "--encoder", made[0], "--out", tmp_path / "out", "--share", "1/2") == ""
    assert [path.name for path in (tmp_path / "out").glob("*.h5ad")] == ["P2.h5ad"]
    assert anndata.read_h5ad(tmp_path / "out" / "P2.h5ad").obs["patient"].unique().tolist() == ["Q"]


def test_what_cannot_be_is_named(made: tuple[Path, Path, list[Path]], tmp_path: Path) -> None:
    model, shards, sections = made
    out = ("--out", tmp_path / "out")
    assert "--encoder grid: sections and cell shards want a trained PAST" in embed(*sections, "--encoder", "grid", *out)
    assert "a.svs: a slide among sections" in embed(sections[0], tmp_path / "a.svs", "--encoder", model, *out)
    assert "two sections are called p1" in embed(shards, sections[0], "--encoder", model, *out)
    assert "--image is given 1 times for 2 sections" in embed(
        *sections, "--encoder", model, *out, "--image", sections[0].with_suffix(".png")
    )
