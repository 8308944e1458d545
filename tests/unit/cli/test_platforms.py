"""The commands of real platforms: options reach the readers, many sections at once, refusals in one sentence."""

from pathlib import Path

import numpy as np
import pytest
from platforms import GENES, a_bundle, stained, write_space_ranger, write_xenium
from typer.testing import CliRunner

from past.cli.app import app
from past.data.shards.index import ShardIndex
from past.data.shards.verify import verify

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
SMALL = ["--px", "32", "--neighbours", "3"]


def past(*args: object) -> str:
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    return f"{type(result.exception).__name__}: {result.exception}" if result.exception else result.output


def three_runs(folder: Path) -> list[Path]:
    return [write_xenium(folder / name / "outs", a_bundle(20, seed)) for seed, name in enumerate(("A", "B", "C"))]


def test_many_runs_by_workers_and_by_an_array_are_the_same_bytes(tmp_path: Path) -> None:
    runs = three_runs(tmp_path)
    one, many = tmp_path / "one", tmp_path / "many"
    for number in (2, 0, 1):
        said = past("shards", "xenium", *runs, "--out", many, "--only", number, "--patient", "P", *SMALL)
        assert "Error" not in said
    assert "60 cells of 3 sections" in " ".join(
        past("shards", "xenium", *runs, "--out", one, "--workers", 2, "--patient", "P", *SMALL).split()
    )
    assert {path.name: path.read_bytes() for path in one.rglob("*.*")} == {
        path.name: path.read_bytes() for path in many.rglob("*.*")
    }
    index = ShardIndex.read(one)
    assert verify(index, workers=1) == []
    assert index.settings["source"] == "xenium"
    assert index.sections["A"]["software"] == "xenium-2.0.0.6"


def test_what_the_user_says_stands_in_the_place_of_the_files(tmp_path: Path) -> None:
    run = write_xenium(tmp_path / "run", a_bundle(20))
    table, genes = tmp_path / "table.tsv", tmp_path / "genes.txt"
    table.write_text("ENSG00000119888\tEPCAM\nENSG99999999999\tKRT8\n")
    genes.write_text("ENSG00000198851.7\nENSG99999999999\n")
    options = ["--genes", genes, "--gene-table", table, "--organ", "skin", "--patient", "P7", "--image-mpp", 0.3]
    past("shards", "xenium", run, "--out", tmp_path / "out", *options, *SMALL)
    index = ShardIndex.read(tmp_path / "out")
    facts = index.sections["run"]
    assert facts["genes_unmapped"] == ["EPCAM", "COL1A1"]
    assert facts["genes_dropped"] == 2
    assert (facts["organ"], facts["patient"], facts["species"]) == ("skin", "P7", "Homo sapiens")
    assert index.genes == ("ENSG00000198851.7", "ENSG99999999999")


def test_cells_outside_are_an_error_or_left_out_and_counted(tmp_path: Path) -> None:
    bundle = a_bundle(40)
    run = write_xenium(tmp_path / "run", bundle)
    x = np.sort(bundle.in_image[:, 0])
    picture = stained((int(x[-3]) - 1, 700), bundle.in_image)
    picture.save(tmp_path / "cut.png")
    command = [
        "shards",
        "xenium",
        run,
        "--out",
        tmp_path / "out",
        "--image",
        tmp_path / "cut.png",
        "--patient",
        "P",
        *SMALL,
    ]
    assert "run: 3 of 40 spots lie outside" in past(*command)
    past(*command, "--drop-outside")
    facts = ShardIndex.read(tmp_path / "out").sections["run"]
    assert (facts["cells"], facts["cells_outside"], facts["cells_dropped"]) == (37, 3, 3)


def test_visium_by_its_command(tmp_path: Path) -> None:
    places = np.random.default_rng(0).uniform(40, 360, (12, 2))
    counts = np.ones((12, len(GENES)), int)
    features = [(name, identity, "Gene Expression") for name, identity in GENES]
    outs = write_space_ranger(tmp_path / "V1" / "outs", counts, features, [f"S{i}" for i in range(12)], places)
    stained((400, 400), places).save(tmp_path / "V1" / "he.png")
    words = ["--organ", "colon", "--species", "mouse", "--image-mpp", 0.6, "--patient", "M1"]
    said = past("shards", "visium", outs, "--out", tmp_path / "out", *words, *SMALL)
    assert "12 cells of 1 sections" in " ".join(said.split())
    assert ShardIndex.read(tmp_path / "out").sections["V1"]["species"] == "Mus musculus"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["xenium", "{run}", "--image", "a.tif", "--image", "b.tif"], "--image is given 2 times for 1 sections"),
        (["xenium", "{run}", "--alignment", "a.csv", "--alignment", "b.csv"], "--alignment is given 2 times"),
        (["xenium", "{run}", "--genes", "none.txt"], "no such gene list"),
        (["xenium", "{run}", "--only", "7"], "--only 7: give a section's name or a number from 0 to 0"),
        (["xenium", "{run}", "--mpp", "fine"], "--mpp fine: give µm/px as a number"),
        (["xenium", "nowhere"], "no cell_feature_matrix.h5"),
        (["visium", "{run}"], "no filtered_feature_bc_matrix.h5"),
        (["visium", "{run}", "--bin", "8"], "square_008um: no such folder"),
        (["hest", "st/none.h5ad"], "no such file"),
        (["stimage", "none_count.csv"], "none_count.csv"),
        (["spatialdata", "none.zarr"], "none.zarr"),
    ],
)
def test_a_wrong_command_is_one_sentence(tmp_path: Path, args: list[str], says: str) -> None:
    run = write_xenium(tmp_path / "run", a_bundle(12), image=False)
    said = past("shards", *(arg.format(run=run) for arg in args), "--out", tmp_path / "out")
    assert says in said
    assert "\n" not in said.strip()
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").glob("*.tar"))


@pytest.mark.parametrize("kind", ["anndata", "xenium", "visium", "hest", "spatialdata", "stimage", "synthetic"])
def test_every_command_teaches_by_an_example(kind: str) -> None:
    said = past("shards", kind, "--help")
    assert f"Example: past shards {kind}" in said
    assert "--preview" in said
