"""Image encoders compared: `evaluate.py task=hest_bench`, several in one run or one by one, and the page."""

import json
from pathlib import Path

import pandas as pd
import pytest
from tiny_bench import write_task
from tiny_training import composed

import past.evaluate as entry
from past import config as door
from past.base.errors import ConfigError

pytestmark = pytest.mark.usefixtures("training_environment")
RANDOM = ("name=test_vit", "weights=null", "options={img_size: 16}")


def evaluate(root: Path, encoder: str, *words: str) -> Path:
    settings = ("task.components=4", "task.device=cpu", f"task.root={root / 'bench'}")
    asked = ["task=hest_bench", f"encoder={encoder}", f"output_root={root / 'runs'}", *settings, *words]
    return entry.evaluate(composed("evaluate", *door.encoders_of_one_run(asked)), encoder)


def test_an_encoder_is_the_same_alone_and_in_company(tmp_path: Path) -> None:
    write_task(tmp_path / "bench")
    both = evaluate(tmp_path, "grid,timm", *(f"++encoders.timm.{word}" for word in RANDOM))
    assert both == tmp_path / "runs" / "hest_bench" / "ridge_4_components-grid-timm" / "results"
    assert "<h2>By task</h2>" in (both / "report.html").read_text()
    alone = evaluate(tmp_path, "timm", *(f"++encoder.{word}" for word in RANDOM))
    assert alone.parent.name == "ridge_4_components-timm"
    tables = [pd.read_csv(results / "hest_bench.csv") for results in (both, alone)]
    ours = tables[0][tables[0]["encoder"] == "timm"].reset_index(drop=True)
    pd.testing.assert_frame_equal(ours, tables[1])
    assert list(json.loads((alone / "hest_bench.origin.json").read_text())["encoders"]) == ["timm"]


def test_the_same_again_is_the_same_and_other_settings_are_refused(tmp_path: Path) -> None:
    write_task(tmp_path / "bench")
    results = evaluate(tmp_path, "grid")
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    assert evaluate(tmp_path, "grid") == results
    assert {path: path.read_bytes() for path in results.rglob("*") if path.is_file()} == before
    with pytest.raises(ConfigError, match=r"holds results of 4, not of 2 \(encoders\.grid\.preset\.grid\)"):
        evaluate(tmp_path, "grid", "encoder.grid=2")
    with pytest.raises(ConfigError, match=r"holds results of True, not of False \(mean_colour_removed\)"):
        evaluate(tmp_path, "grid", "task.mean_colour_removed=false")
    with pytest.raises(ConfigError, match="encoder=none: a run compares"):
        entry.evaluate(composed("evaluate", "task=hest_bench", f"task.root={tmp_path / 'bench'}"))
