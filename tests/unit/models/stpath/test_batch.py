import torch

from past.models.stpath.batch import ScoredSlide, SlideBatch, SparseExpression


def test_a_batch_goes_to_a_device_with_all_that_is_in_it() -> None:
    expression = SparseExpression(torch.tensor([1]), torch.ones(1), torch.tensor([0, 1, 1]))
    scored = ScoredSlide(torch.tensor([0]), torch.tensor([4]), torch.zeros(1, 1))
    numbers = torch.zeros(2, dtype=torch.long)
    batch = SlideBatch(torch.zeros(2, 3), torch.zeros(2, 2), (2,), numbers, numbers, expression, (scored,))
    moved = batch.to("meta")
    assert (len(moved), len(moved.expression), moved.lengths) == (2, 2, (2,))
    tensors = (moved.features, moved.organ, moved.expression.values, moved.scored[0].values)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert batch.features.device.type == "cpu"
