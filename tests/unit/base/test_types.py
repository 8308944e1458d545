"""Batches move as one: each tensor, those of batches within, and nothing else."""

from dataclasses import dataclass

import torch

from past.base.types import Movable


@dataclass(frozen=True)
class Inner(Movable):
    values: torch.Tensor


@dataclass(frozen=True)
class Outer(Movable):
    images: torch.Tensor
    parts: tuple[Inner, ...]
    keys: list[str]
    sizes: tuple[int, int]


def a_batch() -> Outer:
    return Outer(torch.arange(3), (Inner(torch.ones(2)), Inner(torch.zeros(1))), ["a", "b"], (2, 1))


def test_a_change_reaches_every_tensor_and_leaves_the_batch_as_it_was() -> None:
    batch = a_batch()
    doubled = batch.map(lambda tensor: tensor * 2)
    assert doubled.images.tolist() == [0, 2, 4]
    assert [part.values.tolist() for part in doubled.parts] == [[2, 2], [0]]
    assert (doubled.keys, doubled.sizes) == (["a", "b"], (2, 1))
    assert batch.images.tolist() == [0, 1, 2]


def test_all_tensors_go_to_the_device() -> None:
    moved = a_batch().to("meta")
    assert {moved.images.device.type, *(part.values.device.type for part in moved.parts)} == {"meta"}
