"""What `ckpt=` means, and what a trained model's numbers depend on."""

import os
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from past import config as door
from past.base.errors import CheckpointError, ConfigError, PastError
from past.evaluation.trained import data_of, imported_weights, origin_of, trained


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two runs, the second trained later; the working directory holds a file and a folder without a slash."""
    for i, run_id in enumerate(("first", "second")):
        run = tmp_path / "runs" / "mine" / run_id
        (run / "checkpoints").mkdir(parents=True)
        (run / "config.yaml").write_text("seed: 7\ndata: {root: shards, val: 0.2}\n")
        os.utime(run / "config.yaml", (i, i))
        (run / "checkpoints" / "last.ckpt").write_bytes(b"last")
    (tmp_path / "runs" / "mine" / "first" / "checkpoints" / "best.ckpt").write_bytes(b"best")
    (tmp_path / "file.ckpt").write_bytes(b"file")
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return {"output_root": str(tmp_path / "runs"), "name": "mine", "run_id": None, "ckpt": "last", "data": {}}


@pytest.mark.parametrize(
    ("words", "run", "checkpoint"),
    [
        ({}, "second", "runs/mine/second/checkpoints/last.ckpt"),
        ({"run_id": "first", "ckpt": "best"}, "first", "runs/mine/first/checkpoints/best.ckpt"),
        ({"ckpt": "file.ckpt"}, "second", "file.ckpt"),
        ({"ckpt": "folder"}, "second", "folder"),
        ({"ckpt": "./file.ckpt"}, "second", "file.ckpt"),
    ],
    ids=str,
)
def test_names_are_the_runs_and_anything_else_is_a_path(
    config: dict[str, Any], tmp_path: Path, words: dict[str, str], run: str, checkpoint: str
) -> None:
    found, path = trained({**config, **words})
    assert found.directory.name == run
    assert path.resolve() == (tmp_path / checkpoint).resolve()


def test_a_folder_called_best_does_not_hide_the_runs(config: dict[str, Any]) -> None:
    Path("best").mkdir()
    assert imported_weights({**config, "ckpt": "best"}) is None
    assert imported_weights({**config, "ckpt": "./best"}) == Path("best")
    assert imported_weights({**config, "ckpt": "folder"}) == Path("folder")
    assert imported_weights({**config, "ckpt": "file.ckpt"}) is None
    assert imported_weights({**config, "ckpt": "nowhere"}) is None


def test_what_is_not_there_is_told_with_what_is(config: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError, match=r"second/checkpoints/best\.ckpt: no such checkpoint; .* last or a path$"):
        trained({**config, "ckpt": "best"})
    with pytest.raises(CheckpointError, match=r"ckpt=lats: no such file or folder; ckpt= may be last or a path$"):
        trained({**config, "ckpt": "lats"})
    with pytest.raises(CheckpointError, match=r"ckpt=lats: .* may be best or last or a path$"):
        trained({**config, "ckpt": "lats", "run_id": "first"})
    with pytest.raises(CheckpointError, match=r"ckpt=weights: no such file or folder; ckpt= may be a path that exists"):
        trained({**config, "ckpt": "weights", "name": "none"})
    with pytest.raises(ConfigError, match=r"no run in .*none"):
        trained({**config, "name": "none"})


def test_the_runs_own_data_are_built_but_for_what_is_asked_otherwise(config: dict[str, Any]) -> None:
    class Door:
        def load(self, path: Path) -> dict[str, Any]:
            return {"seed": 7, "data": {"root": path.parent.name, "val": 0.2}}

        def build(self, node: Any, path: str, **filled: Any) -> Any:
            return {path: {**node, **filled}}

    run, _ = trained(config)
    asked = {**config, "data": {"root": None, "val": ["A"]}}
    assert data_of(asked, run, Door()) == {"data": {"root": "second", "val": ["A"], "seed": 7}}


@pytest.mark.parametrize("address", ["http://h.org/set", "s3://bucket/set", "cache::https://u:p@h.org/set?token=a"])
def test_a_run_opens_no_address_and_fills_no_folder_of_its_choosing(config: dict[str, Any], address: str) -> None:
    class Door:
        def load(self, path: Path) -> dict[str, Any]:
            return {"seed": 7, "data": {"root": address, "cache": "/etc", "cache_gb": 9.0}}

        def build(self, node: Any, path: str, **filled: Any) -> Any:
            return {**node, **filled}

    run, _ = trained(config)
    with pytest.raises(ConfigError, match=r"no address is opened because a file says so: give data.root=") as refused:
        data_of(config, run, Door())
    assert "u:p" not in str(refused.value)
    assert "token" not in str(refused.value)
    asked = {**config, "data": {"root": address, "cache": None}}
    assert data_of(asked, run, Door()) == {"root": address, "seed": 7}
    asked["data"]["cache"] = "here"
    assert data_of(asked, run, Door()) == {"root": address, "cache": "here", "seed": 7}


def running(marker: Path) -> list[dict[str, Any]]:
    """Nodes that write `marker` when they are built, or when what they name is imported."""
    code = f"import pathlib; pathlib.Path({str(marker)!r}).write_text('ran')"
    (marker.parent / "imported_by_name.py").write_text(code)
    pickled = marker.parent / "evil.pkl"
    pickled.write_bytes(b"cposix\nsystem\n(S'touch " + str(marker).encode() + b"'\ntR.")
    path = {"_target_": "pathlib.Path", "_args_": [str(marker)]}
    return [
        {"_target_": "sklearn.utils._testing.assert_run_python_script_without_output", "source_code": code},
        {"_target_": "pandas.read_pickle", "filepath_or_buffer": str(pickled)},
        {"_target_": "joblib.load", "filename": str(pickled)},
        {"_target_": "torch.load", "f": str(pickled), "weights_only": False},
        {"_target_": "pathlib.Path.write_text", "_args_": [path, "ran"]},
        {"_target_": "past.base.files.write_atomically", "path": path, "content": "ran"},
        {"_target_": "os.system", "command": f"touch {marker}"},
        {"_target_": "imported_by_name.anything"},
    ]


@pytest.mark.parametrize("which", range(8))
@pytest.mark.parametrize("place", ["data", "samples", "within a list", "partial", "interpolated"])
def test_a_run_of_somebody_else_runs_nothing(
    which: int, place: str, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "marker"
    evil = running(marker)[which]
    monkeypatch.syspath_prepend(str(tmp_path))
    run, _ = trained(config)
    node = {"_target_": "past.data.stream.datamodule.DataModule", "root": "x", "samples": evil}
    data = {
        "data": evil,
        "samples": node,
        "within a list": {**node, "samples": None, "val": [evil]},
        "partial": {**node, "_partial_": True, "_recursive_": True, "_args_": [deepcopy(evil)]},
        "interpolated": {**node, "samples": f"${{oc.create:{yaml.safe_dump(evil, default_flow_style=True).strip()}}}"},
    }[place]
    run.config.write_text(yaml.safe_dump({"seed": 7, "data": data}))
    with pytest.raises(
        ConfigError, match=r"names it, so it was not imported|nothing is looked up for a file"
    ) as refused:
        data_of(config, run, door)
    assert "\n" not in str(refused.value)
    assert not marker.exists()


@pytest.mark.parametrize(
    "text",
    [
        "seed: 7\n", "seed: x\ndata: {_target_: a}\n", "seed: 7\ndata: [1]\n", "data: &a [*a]\n",
        "seed: 7\ndata: {_target_: past.data.stream.datamodule.DataModule, root: x, samples: 3, batch_size: [x]}\n",
        "seed: 7\ndata: {_target_: past.data.datamodules.CellDataModule, root: [1], 3: 4}\n",
        "seed: 7\ndata: {_target_: os.getpid}\nmodel: {_target_: past.training.past_module.PASTModule, loss: 3}\n",
    ],
)  # fmt: skip
def test_settings_that_are_no_runs_are_refused_in_a_sentence(text: str, config: dict[str, Any]) -> None:
    run, _ = trained(config)
    run.config.write_text(text)
    with pytest.raises(PastError) as refused:
        data_of(config, run, door)
    assert "\n" not in str(refused.value)


def test_the_run_that_nobody_named_is_said(config: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    trained(config)
    assert caplog.messages == [
        f"{config['output_root']}/mine/second: the newest of 2 named mine is taken; run_id= names another"
    ]
    caplog.clear()
    trained({**config, "run_id": "first"})
    assert caplog.messages == []


def test_the_origin_is_the_checkpoint_by_its_content_and_the_data_by_their_place(tmp_path: Path) -> None:
    found = origin_of(tmp_path / "best.ckpt", "abc", str(tmp_path / "x" / ".." / "shards"), ("B",), None)
    data = {"root": str(tmp_path / "shards"), "val": ["B"], "train": None}
    assert found == {"ckpt": "best.ckpt", "weights": "abc", "data": data}
    assert origin_of(Path("c"), "abc", "s3://bucket/set", (), ())["data"] == {
        "root": "s3://bucket/set", "val": [], "train": [],
    }  # fmt: skip
