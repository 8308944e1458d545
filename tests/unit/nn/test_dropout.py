import pytest
import torch

from past.nn.dropout import Dropout, draw_keep, dropout_by_row, number_dropouts, row_seeds


def test_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    ones = torch.ones(301, 1001)
    dropped = Dropout(0.1)(ones)
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.002)
    assert dropped.mean().item() == pytest.approx(1, abs=0.002)
    neighbours = (dropped[:, 1:] == 0) & (dropped[:, :-1] == 0)
    assert neighbours.float().mean().item() == pytest.approx(0.01, abs=0.001)  # those of one draw are independent


def test_off_outside_training_and_at_zero() -> None:
    x = torch.randn(3, 4)
    assert Dropout(0.5).eval()(x) is x
    assert Dropout(0.0)(x) is x


def test_the_same_generator_draws_the_same() -> None:
    x = torch.randn(7, 5)
    one, two = (draw_keep(x, 0.3, torch.Generator().manual_seed(1))[0] for _ in range(2))
    assert torch.equal(one, two)


def seeds_of(rows: int) -> torch.Tensor:
    return torch.randint(-(2**63), 2**63 - 1, (rows,), generator=torch.Generator().manual_seed(2))


def test_by_row_drops_its_share_and_keeps_the_mean() -> None:
    ones = torch.ones(301, 7, 143)
    with dropout_by_row(seeds_of(301)):
        dropped = Dropout(0.1)(ones)
    assert row_seeds() is None
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.002)
    assert dropped.mean().item() == pytest.approx(1, abs=0.002)
    for along in (0, 2):
        once = dropped == 0
        neighbours = once.narrow(along, 1, ones.shape[along] - 1) & once.narrow(along, 0, ones.shape[along] - 1)
        assert neighbours.float().mean().item() == pytest.approx(0.01, abs=0.001)


def test_by_row_the_batch_may_be_cut_anywhere() -> None:
    layers = torch.nn.Sequential(Dropout(0.5), Dropout(0.5))
    number_dropouts(layers)
    x, seeds = torch.randn(9, 5, 3), seeds_of(9)
    with dropout_by_row(seeds):
        whole, first = layers(x), layers[0](x)
    for start, end in ((0, 1), (1, 7), (7, 9)):
        with dropout_by_row(seeds[start:end]):
            assert torch.equal(layers(x[start:end]), whole[start:end])
    assert (whole != 0).float().mean().item() == pytest.approx(0.25, abs=0.1)  # two layers drop independently
    assert (first != 0).float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_by_row_what_follows_a_row_does_not_change_it() -> None:
    seeds = seeds_of(4)
    with dropout_by_row(seeds):
        short, long = Dropout(0.5)(torch.ones(4, 6)), Dropout(0.5)(torch.ones(4, 11))
    assert torch.equal(short, long[:, :6])
