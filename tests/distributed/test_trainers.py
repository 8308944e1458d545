"""trainer=fsdp beside trainer=ddp, and where their checkpoints can go on."""

from pathlib import Path

import pytest
import torch
from planted import GENES
from ranks import train_on_ranks
from tiny_past import planted_data
from tiny_training import tiny

from past.models import load_model
from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.slow
STEPS = 10
CALM = (
    "model.dropout=0",
    "model.niche_encoder.dropout=0",
    "cell_encoder.dropout=0",
    "data.samples.neighbours=2",
    "data.val=[C]",
)
ALIKE = (
    *CALM,
    "trainer.accelerator=cpu",
    "module.optim.warmup=0",
    "module.optim.min_lr=5.0e-4",
    "+encoder.options.depth=2",
)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planted") / "shards"
    planted_data(root)
    return root


@pytest.fixture(scope="module")
def runs(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the same ten updates on two ranks, named by their trainer; their chunks are different ones."""
    root = tmp_path_factory.mktemp("runs")
    for name, chunk in (("ddp", 5), ("fsdp", 7)):
        how = (f"trainer={name}", f"trainer.max_steps={STEPS}", f"module.loss.cache_chunk={chunk}")
        train_on_ranks(2, tiny(shards, root, name, *ALIKE, *how, "trainer.max_epochs=9"))
    return root / "tiny"


def last(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]


def assert_close(ours: Path, theirs: Path) -> None:
    own, right = last(ours), last(theirs)
    assert own.keys() == right.keys()
    for name, value in own.items():
        if name.endswith("qkv.bias"):  # keys' biases have a gradient of rounding alone, which Adam makes whole steps of
            (query, _, values), (q, _, v) = value.chunk(3), right[name].chunk(3)
            own_part, right_part = torch.cat([query, values]), torch.cat([q, v])
        else:
            own_part, right_part = value, right[name]
        assert (own_part - right_part).abs().max() < 1e-5, name


def test_sharded_equals_ddp(runs: Path) -> None:
    assert read_checkpoint(runs / "fsdp" / "checkpoints" / "last.ckpt")["global_step"] == STEPS
    assert_close(runs / "fsdp", runs / "ddp")


def test_a_sharded_checkpoint_loads_in_one_process(runs: Path) -> None:
    saved = load_model(runs / "fsdp" / "checkpoints" / "last.ckpt")
    saved.require_vocabulary(GENES)
    assert sum(parameter.numel() for parameter in saved.model.parameters()) > 10_000


def test_either_checkpoint_goes_on_in_one_process_and_on_three_ranks(shards: Path, runs: Path, tmp_path: Path) -> None:
    """The optimiser's state too: the next updates from both checkpoints are the same."""
    for trainer, theirs, world in (("cpu", "ddp", 1), ("cpu", "fsdp", 1), ("ddp", "fsdp", 3), ("fsdp", "ddp", 3)):
        more = (f"trainer={trainer}", f"trainer.max_steps={STEPS + 2}", "trainer.max_epochs=9")
        start = f"ckpt={runs / theirs}/checkpoints/last.ckpt"
        words = tiny(shards, tmp_path, f"{theirs}-{trainer}", *ALIKE, *more, start)
        train_on_ranks(world, words)
    assert_close(tmp_path / "tiny" / "fsdp-cpu", tmp_path / "tiny" / "ddp-cpu")
    assert_close(tmp_path / "tiny" / "fsdp-ddp", tmp_path / "tiny" / "ddp-fsdp")
