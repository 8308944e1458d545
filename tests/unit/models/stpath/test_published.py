import json
import re
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from past.base.errors import CheckpointError, ConfigError, DataError
from past.checkpoints.saved import DESCRIPTION, WEIGHTS, save_model
from past.cli.app import app
from past.models import load_model
from past.models.stpath.model import STPath
from past.models.stpath.published import export_stpath, from_published, import_stpath, to_published

SYMBOLS = {"B": "ENSG2", "A": "ENSG1", "A-alias": "ENSG1", "C": "ENSG3"}


@pytest.fixture
def released(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(to_published(STPath(5, features=8, dim=16, depth=3, heads=2)), tmp_path / "stfm.pth")
    (tmp_path / "symbol2ensembl.json").write_text(json.dumps(SYMBOLS) + "\n")
    return tmp_path


def imported(folder: Path) -> tuple[Path, Path]:
    return folder / "stfm.pth", folder / "symbol2ensembl.json"


def test_reference_names_and_shapes_of_the_released_file(reference: Path) -> None:
    shapes = json.loads((reference / "stpath_state_dict.json").read_text())
    state = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    with torch.device("meta"):
        model = STPath(38_984)
    ours = to_published(model)
    assert {name: list(tensor.shape) for name, tensor in ours.items()} == shapes
    assert from_published(state, "stfm.pth").config == model.config


def test_imported_exported_and_imported_again_to_the_same_bytes(released: Path, tmp_path: Path) -> None:
    first, back, again = tmp_path / "first", tmp_path / "back", tmp_path / "again"
    save_model(first, import_stpath(*imported(released)))
    export_stpath(load_model(first), back)
    save_model(again, import_stpath(*imported(back)))
    for file in (WEIGHTS, DESCRIPTION):
        assert (first / file).read_bytes() == (again / file).read_bytes()
    assert (back / "symbol2ensembl.json").read_bytes() == (released / "symbol2ensembl.json").read_bytes()
    before, after = torch.load(released / "stfm.pth"), torch.load(back / "stfm.pth")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_commands_import_and_export(released: Path, tmp_path: Path) -> None:
    weights, genes = imported(released)
    model, back = tmp_path / "model", tmp_path / "back"
    done = CliRunner().invoke(app, ["import", "stpath", str(weights), "--genes", str(genes), "--out", str(model)])
    assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["export", "stpath", str(model), "--out", str(back)])
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in back.iterdir()) == ["stfm.pth", "symbol2ensembl.json"]
    with pytest.raises(ConfigError, match="exists already"):
        export_stpath(load_model(model), back)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("gene_exp_head.0.bias"), r"1 missing \(head.norm.bias\)"),
        (lambda state: state.update(extra=torch.zeros(1)), r"1 not known \(extra\)"),
        (lambda state: state.update({"gene_exp_head.1.bias": torch.zeros(4)}), "of another shape"),
        (lambda state: state.pop("gene_exp_head.1.weight"), "not STPath's weights"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(released: Path, change: object, message: str) -> None:
    state = torch.load(released / "stfm.pth")
    change(state)  # type: ignore[operator]
    torch.save(state, released / "stfm.pth")
    with pytest.raises(CheckpointError, match=message):
        import_stpath(*imported(released))


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ('{"A": "ENSG1"}', CheckpointError, r"3 tokens \(1 ids and two\), but .*stfm.pth has 5"),
        ("[1]", DataError, "should be"),
        ("{", DataError, "not JSON"),
        (None, DataError, "no such file"),
    ],
)
def test_a_gene_list_of_other_weights_is_refused(
    released: Path, content: str | None, error: type[Exception], message: str
) -> None:
    genes = released / "symbol2ensembl.json"
    genes.unlink() if content is None else genes.write_text(content)
    with pytest.raises(error, match=re.compile(message)):
        import_stpath(*imported(released))


def test_a_pickle_of_something_else_is_never_executed(released: Path, tmp_path: Path) -> None:
    trace = tmp_path / "executed"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[Path]]:
            return Path.touch, (trace,)

    torch.save({"input_encoder.image_embed.weight": Evil()}, released / "stfm.pth")
    with pytest.raises(CheckpointError, match="was not loaded"):
        import_stpath(*imported(released))
    assert not trace.exists()
