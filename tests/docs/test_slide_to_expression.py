"""The notebook from a slide to expression: its cells run in their order, and end with what they say."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "tutorials" / "slide_to_expression.ipynb"
LARGEST = 1_000_000  # bytes, pictures included
CODE = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_it_lies_there_executed_and_small() -> None:
    assert NOTEBOOK.stat().st_size < LARGEST
    assert [cell["execution_count"] for cell in CODE] == list(range(1, len(CODE) + 1))
    kinds = [output["output_type"] for cell in CODE for output in cell["outputs"]]
    assert "error" not in kinds
    assert kinds.count("display_data") == 3  # tiles, maps, scatters


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of a screen that is none, and of the libraries' own
def test_its_cells_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for needed in ("tifffile", "lazyslide"):
        pytest.importorskip(needed, reason="the extra 'wsi' is not installed")
    monkeypatch.chdir(tmp_path)
    drawn = []
    monkeypatch.setattr(plt, "show", lambda: drawn.append([axes.get_title() for axes in plt.gcf().axes]))
    scope: dict = {}
    for number, cell in enumerate(CODE, start=1):
        exec(compile("".join(cell["source"]), f"{NOTEBOOK.name}, cell {number}", "exec"), scope)
    plt.close("all")
    pred, genes = scope["pred"], ["EPCAM", "COL1A1", "CD3E", "IGKC"]
    assert list(pred.var_names) == genes
    assert len(pred) == len(scope["grid"]) > 100
    tiles, maps, scatters = drawn
    assert tiles == [f"{len(pred)} tiles on 8 pieces of tissue"]
    assert [title for title in maps if title] == genes
    assert [title.split(", r = ")[0] for title in scatters] == genes
    assert all(np.isfinite(float(title.split(" = ")[1])) for title in scatters)
    assert scope["measured"].shape == (scope["enough"].sum(), len(genes))
    assert scope["enough"].mean() > 0.5
