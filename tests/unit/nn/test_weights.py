import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from damaged import zero_a_page
from safetensors.torch import save_file
from torch import nn

from past.base.errors import CheckpointError
from past.nn.weights import check_fit, load_strictly, read_torch, read_weights
from past.training.norms import is_finite

STATE = {"weight": torch.tensor([[1.0, 2.0]]), "bias": torch.tensor([3.0])}


def test_both_kinds_of_file_give_the_same_tensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "w.safetensors")
    torch.save(STATE, tmp_path / "w.pth")
    torch.save({"epoch": 3, "model": STATE}, tmp_path / "within.pth")
    for found in (
        read_weights(tmp_path / "w.safetensors"),
        read_weights(tmp_path / "w.pth"),
        read_weights(tmp_path / "within.pth"),
    ):
        assert {name: value.tolist() for name, value in found.items()} == {"weight": [[1.0, 2.0]], "bias": [3.0]}


def test_what_is_no_weight_file_is_named(tmp_path: Path) -> None:
    for name in ("none.pth", "none.safetensors"):
        with pytest.raises(CheckpointError, match=name):
            read_weights(tmp_path / name)
    (tmp_path / "text.safetensors").write_text("text")
    with pytest.raises(CheckpointError, match=r"text\.safetensors: missing, cut off, or not"):
        read_weights(tmp_path / "text.safetensors")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds list, not a state dict"):
        read_torch(tmp_path / "list.pth")
    torch.save({"epoch": 3, "rate": 0.1}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="no state dict in it, but epoch, rate"):
        read_weights(tmp_path / "other.pth")
    whole = (tmp_path / "list.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"cut\.pth"):
        read_torch(tmp_path / "cut.pth")


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


def test_a_file_that_would_run_code_is_not_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Payload()}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError, match="could run code"):
        read_torch(tmp_path / "evil.pth")
    assert capsys.readouterr().out == ""


def test_a_fit_says_what_is_left_over_missing_and_of_another_shape() -> None:
    fit = check_fit({"weight": torch.zeros(1, 3), "wings": torch.zeros(1)}, nn.Linear(2, 1))
    assert (fit.leftover, fit.missing, fit.reshaped, list(fit.state)) == (
        ["wings"], ["bias"], ["weight (1, 3) for (1, 2)"], [],
    )  # fmt: skip
    expected = r"f\.pth does not fit this model: 1 not known \(wings\); 1 missing \(bias\); 1 of another shape"
    with pytest.raises(CheckpointError, match=expected):
        fit.raise_if_incomplete("f.pth")


def test_what_is_no_number_is_not_loaded_but_a_mask_of_infinity_is() -> None:
    layer = nn.BatchNorm1d(2)
    layer.register_buffer("mask", torch.zeros(2))
    sound = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    sound["mask"][1] = -torch.inf
    load_strictly(layer, sound, "f.pth")
    for name, value in (("weight", torch.inf), ("bias", torch.nan), ("running_var", torch.nan)):
        broken = {**sound, name: torch.tensor([1.0, value])}
        with pytest.raises(CheckpointError, match=rf"^f\.pth: {name} holds what is no finite number: copy the file"):
            load_strictly(layer, broken, "f.pth")
        layer.load_state_dict(broken)
        assert not is_finite(layer)
        layer.load_state_dict(sound)
        assert is_finite(layer)


def test_of_many_names_the_first_four_are_shown() -> None:
    state = {f"n{i}": torch.zeros(1) for i in range(6)} | STATE
    with pytest.raises(CheckpointError, match=r"6 not known \(n0, n1, n2, n3, …\)"):
        load_strictly(nn.Linear(2, 1), state, "f.pth")


def test_what_fits_is_loaded() -> None:
    layer = nn.Linear(2, 1)
    load_strictly(layer, STATE, "f.pth")
    assert layer(torch.tensor([10.0, 100.0])).item() == 213


def test_a_zeroed_page_is_damage_and_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.pth"
    torch.save({"a": torch.ones(10), "w": torch.rand(5000)}, path)
    read: list[str] = []
    whole = zipfile.ZipFile.open

    def counted(archive: zipfile.ZipFile, name: Any, *rest: Any, **options: Any) -> Any:
        read.append(getattr(name, "filename", name))
        return whole(archive, name, *rest, **options)

    monkeypatch.setattr(zipfile.ZipFile, "open", counted)
    read_torch(path)
    once = list(read)
    read_torch(path)
    assert read == once
    assert len(set(once)) == len(once) > 2
    zero_a_page(path)
    with pytest.raises(CheckpointError, match=r"model\.pth: damaged \(Bad CRC-32 for file 'model/data/1'\)"):
        read_torch(path)


def test_files_without_checksums_are_read(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(3)}, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"w": torch.ones(3)}, tmp_path / "without.pth")
    finally:
        torch.serialization.set_crc32_options(before)
    for name in ("old.pth", "without.pth"):
        assert torch.equal(read_torch(tmp_path / name)["w"], torch.ones(3))


def test_what_a_run_has_is_named_where_the_best_is_missing(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"best\.ckpt: no such weight file; give .*last\.ckpt$"):
        read_torch(tmp_path / "best.ckpt")
