import pytest
import torch
from torch import nn

from past.base.errors import ConfigError
from past.nn.blocks import blocks, recompute_blocks, refuse_batch_norm
from past.nn.dropout import Dropout, dropout_by_row, number_dropouts


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.map, self.dropout, self.calls = nn.Linear(4, 4), Dropout(0.5), 0

    def forward(self, x: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        self.calls += 1
        return x + scale * self.dropout(self.map(x).tanh())


class Tower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.stages = nn.ModuleDict({"one": nn.Sequential(Layer(), Layer()), "two": nn.ModuleList([Layer()])})
        number_dropouts(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stages["two"][0](self.stages["one"](self.stem(x)), scale=0.5)  # type: ignore[index]


def test_blocks_are_the_repeated_layers_and_not_the_stem() -> None:
    tower = Tower()
    assert list(blocks(tower)) == [*tower.stages["one"], *tower.stages["two"]]  # type: ignore[misc]
    assert list(blocks(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))) == []


@pytest.mark.parametrize("seeds", [None, torch.arange(3)])
def test_blocks_are_computed_again_in_backward_with_the_same_dropout(seeds: torch.Tensor | None) -> None:
    x, gradients = torch.randn(3, 4), []
    for recompute in (False, True):
        tower = Tower()
        if recompute:
            recompute_blocks(tower)
        torch.manual_seed(1)
        with dropout_by_row(seeds):
            loss = tower(x).square().sum()
        loss.backward()  # the rows' seeds no longer hold here
        gradients.append([parameter.grad for parameter in tower.parameters()])
        assert [layer.calls for layer in blocks(tower)] == [1 + recompute] * 3
    for plain, again in zip(*gradients, strict=True):
        assert torch.equal(plain, again)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(2), nn.BatchNorm2d(2), nn.BatchNorm3d(2), nn.SyncBatchNorm(2)])
def test_batch_norm_is_refused_by_its_name(norm: nn.Module) -> None:
    with pytest.raises(ConfigError, match=r"an\.option: 0\.inner normalises over the batch, and so: use .*, or less"):
        refuse_batch_norm(nn.Sequential(nn.ModuleDict({"inner": norm})), "an.option", "so", "less")


def test_other_norms_are_welcome() -> None:
    refuse_batch_norm(nn.Sequential(nn.LayerNorm(2), nn.GroupNorm(1, 2), nn.InstanceNorm2d(2)), "option", "", "")
