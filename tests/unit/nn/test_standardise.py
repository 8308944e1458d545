import torch

from past.nn.standardise import Standardise


def test_unfitted_it_changes_nothing_within_the_limit() -> None:
    assert Standardise(2)(torch.tensor([[0.5, -3.0]])).tolist() == [[0.5, -3.0]]


def test_it_subtracts_the_mean_and_divides_by_the_deviation() -> None:
    layer = Standardise(2)
    layer.fit(torch.tensor([1.0, 10.0]), torch.tensor([2.0, 5.0]))
    assert layer(torch.tensor([[3.0, 0.0]])).tolist() == [[1.0, -2.0]]


def test_far_values_are_cut_and_a_constant_does_not_divide_by_nothing() -> None:
    layer = Standardise(2)
    layer.fit(torch.tensor([0.0, 7.0]), torch.tensor([1.0, 0.0]))
    assert layer(torch.tensor([[100.0, 7.0]])).tolist() == [[8.0, 0.0]]
    assert layer(torch.tensor([[-100.0, 7.001]]))[0].tolist()[0] == -8.0


def test_half_precision_is_standardised_in_the_buffers_precision_and_nothing_is_learned() -> None:
    layer = Standardise(1)
    assert layer(torch.ones(1, 1, dtype=torch.float16)).dtype == torch.float32
    assert list(layer.parameters()) == []
    assert set(layer.state_dict()) == {"centre", "scale"}
