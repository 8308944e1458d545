"""A training that starts from parts which are already trained."""

from pathlib import Path

import pytest
import torch
from tiny_training import train_tiny

from past.base.errors import CheckpointError, ConfigError
from past.models import load_model

PARTS = ("image_encoder", "cell_encoder")


def test_parts_start_from_a_trained_model(tissue: Path, tmp_path: Path) -> None:
    train_tiny(tissue, tmp_path, "first", "trainer.max_steps=2")
    checkpoint = tmp_path / "tiny" / "first" / "checkpoints" / "last.ckpt"
    overrides = [f"init.{name}={checkpoint}" for name in PARTS]
    train_tiny(
        tissue, tmp_path, "second", "trainer.max_steps=1", "module.optim.lr=1e-12", "module.optim.min_lr=0", *overrides
    )
    second = load_model(tmp_path / "tiny" / "second" / "checkpoints" / "last.ckpt").model.state_dict()
    earlier = load_model(checkpoint).model.state_dict()
    names = [name for name in earlier if name.startswith(PARTS)]
    assert names
    assert all(torch.allclose(earlier[name], second[name], atol=1e-9) for name in names)
    assert not torch.allclose(earlier["cell_head.project.weight"], second["cell_head.project.weight"], atol=1e-5)


def test_a_part_of_another_width_or_vocabulary_is_refused(tissue: Path, tmp_path: Path) -> None:
    train_tiny(tissue, tmp_path, "first", "trainer.max_steps=1")
    checkpoint = tmp_path / "tiny" / "first" / "checkpoints" / "last.ckpt"
    with pytest.raises(ConfigError, match=r"init\.cell_encoder=.* has width 16, the model 32"):
        train_tiny(tissue, tmp_path, "wider", "cell_encoder.width=32", f"init.cell_encoder={checkpoint}")
    with pytest.raises(CheckpointError, match="its vocabulary is"):
        train_tiny(tissue, tmp_path, "fewer", "data.samples.vocabulary=variable:50", f"init.cell_encoder={checkpoint}")
