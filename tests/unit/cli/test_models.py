from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from past.base.errors import ConfigError, DataError
from past.cli.app import app
from past.models import load_model
from past.models.past.cell_encoder import CellEncoder
from past.models.past.model import PASTModel
from past.nn.image_encoder import ImageEncoder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["import", *map(str, arguments)])
    if result.exception:
        raise result.exception
    return result.output


def test_past_is_imported_once(released_past: Callable[[str], dict[str, torch.Tensor]], tmp_path: Path) -> None:
    torch.save({"model": released_past("CrossAttention")}, tmp_path / "past.pth")
    (tmp_path / "genes.txt").write_text("\n".join(f"G{i}" for i in range(10)))
    np.save(tmp_path / "mean.npy", np.ones(10))
    known = ("--genes", tmp_path / "genes.txt", "--xenium-mean", tmp_path / "mean.npy")
    assert "175,881 parameters" in run("past", tmp_path / "past.pth", "--out", tmp_path / "out", *known)
    saved = load_model(tmp_path / "out")
    assert isinstance(saved.model, PASTModel)
    saved.require_vocabulary([f"G{i}" for i in range(10)])
    with pytest.raises(ConfigError, match="exists already"):
        run("past", tmp_path / "past.pth", "--out", tmp_path / "out")


def test_the_parts_are_imported_as_initial_weights(
    uni: torch.nn.Module, nicheformer: torch.nn.Module, tmp_path: Path
) -> None:
    torch.save(uni.state_dict(), tmp_path / "uni.bin")
    torch.save({"state_dict": nicheformer.state_dict()}, tmp_path / "nicheformer.ckpt")
    run("uni", tmp_path / "uni.bin", "--out", tmp_path / "uni")
    run("nicheformer", tmp_path / "nicheformer.ckpt", "--out", tmp_path / "nicheformer")
    assert isinstance(load_model(tmp_path / "uni").model, ImageEncoder)
    assert isinstance(load_model(tmp_path / "nicheformer").model, CellEncoder)


def test_a_mean_that_is_no_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mean.npy").write_text("no array")
    with pytest.raises(DataError, match=r"--xenium-mean .*mean\.npy"):
        run("past", tmp_path / "past.pth", "--out", tmp_path / "out", "--xenium-mean", tmp_path / "mean.npy")
