"""The plan of an epoch: every sample once, the same number of batches, any cut of the work."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from past.base.errors import DataError
from past.data.stream.plan import EpochPlan, Phase, Reading, plan_epoch

SIZES = st.lists(st.integers(0, 40) | st.just(1), min_size=1, max_size=40).filter(any)


def order(plan: EpochPlan) -> list[tuple[int, int]]:
    """A rank's samples (shard, place), in the order they are given."""
    return [
        (group.pieces[piece].shard, sample)
        for _, group in plan.groups()
        for piece, sample in zip(group.piece.tolist(), group.sample.tolist(), strict=True)
    ]


def everything(sizes: list[int]) -> list[tuple[int, int]]:
    return [(shard, sample) for shard, size in enumerate(sizes) for sample in range(size)]


@st.composite
def readings(draw: st.DrawFn, largest_world: int = 4) -> Reading:
    return Reading(
        world=draw(st.integers(1, largest_world)),
        batch_size=draw(st.integers(1, 9)),
        open_shards=draw(st.integers(1, 5)),
        buffer=draw(st.sampled_from([0, 3, 20, 1000])),
        shuffle=draw(st.booleans()),
    )


@given(SIZES, readings(), st.integers(0, 9), st.integers(0, 2))
def test_every_sample_once_in_equal_numbers_of_batches(
    sizes: list[int], reading: Reading, seed: int, epoch: int
) -> None:
    if sum(sizes) < reading.world:
        with pytest.raises(DataError, match=f"use at most {sum(sizes)} ranks"):
            plan_epoch(sizes, seed=seed, epoch=epoch, rank=0, reading=reading)
        return
    plans = [plan_epoch(sizes, seed=seed, epoch=epoch, rank=rank, reading=reading) for rank in range(reading.world)]
    orders = [order(plan) for plan in plans]
    assert sorted(chain.from_iterable(orders)) == everything(sizes)
    assert len({plan.batches for plan in plans}) == 1
    for plan, given_order in zip(plans, orders, strict=True):
        batches = [plan.size(batch) for batch in range(plan.batches)]
        assert sum(batches) == plan.samples == len(given_order)
        assert max(batches) - min(batches) <= 1
        assert 1 <= min(batches) <= max(batches) <= max(reading.batch_size, 2 if reading.batch_size == 1 else 0)
        expected = np.repeat(np.arange(plan.batches), batches)
        assert (plan.batch_of(np.arange(plan.samples)) == expected).all()


@given(SIZES, readings(), st.integers(0, 9))
def test_each_piece_is_read_forward_and_the_buffer_is_never_over(sizes: list[int], reading: Reading, seed: int) -> None:
    if sum(sizes) < reading.world:
        return
    for _, group in plan_epoch(sizes, seed=seed, epoch=0, rank=0, reading=reading).groups():
        assert len(group.pieces) <= (reading.open_shards if reading.shuffle else 1)
        starts = [piece.samples[0] for piece in group.pieces]
        read = [0] * len(group.pieces)
        for given_so_far, (piece, sample) in enumerate(zip(group.piece, group.sample, strict=True), 1):
            read[piece] = max(read[piece], int(sample) + 1 - int(starts[piece]))
            assert sum(read) - given_so_far <= max(reading.buffer, 2 * reading.open_shards)


def test_epochs_differ_and_repeat() -> None:
    sizes, reading = [50, 3, 70, 1, 20], Reading(2, 8, open_shards=2, buffer=30)
    epochs = [order(plan_epoch(sizes, seed=1, epoch=epoch, rank=0, reading=reading)) for epoch in range(3)]
    again = [order(plan_epoch(sizes, seed=1, epoch=epoch, rank=0, reading=reading)) for epoch in range(3)]
    assert epochs == again
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert order(plan_epoch(sizes, seed=2, epoch=0, rank=0, reading=reading)) != epochs[0]


def test_unshuffled_is_the_order_of_the_index() -> None:
    plan = plan_epoch([3, 0, 2], seed=0, epoch=0, rank=0, reading=Reading(shuffle=False))
    assert order(plan) == everything([3, 0, 2])


@settings(max_examples=60)
@given(SIZES, st.lists(st.tuples(readings(), st.floats(0, 1)), min_size=1, max_size=3), readings(), st.integers(0, 9))
def test_a_change_in_mid_epoch_repeats_nothing_and_loses_nothing(
    sizes: list[int], changes: list[tuple[Reading, float]], last: Reading, seed: int
) -> None:
    done: list[tuple[int, int]] = []
    before: list[Phase] = []
    for reading, share in [*changes, (last, 1.0)]:
        if sum(sizes) < reading.world:
            return
        plans = [
            plan_epoch(sizes, seed=seed, epoch=1, rank=rank, reading=reading, before=before)
            for rank in range(reading.world)
        ]
        batches = round(share * plans[0].batches)
        for plan in plans:
            done += order(plan)[: plan.first(batches)]
        before.append(Phase(reading, batches))
    left = len(everything(sizes)) - len(done)
    assert len(set(done)) == len(done)
    assert left == 0 or plans[0].batches == 0, "only fewer samples than ranks may be left"
    assert left < max(reading.world for reading, _ in [*changes, (last, 1.0)])


def test_twenty_million_cells_are_planned_and_covered_once() -> None:
    sizes, reading = [2_000] * 10_000, Reading(world=64, batch_size=48)
    seen = np.zeros((10_000, 2_000), np.uint8)
    for rank in range(64):
        for _, group in plan_epoch(sizes, seed=1, epoch=0, rank=rank, reading=reading).groups():
            shard = np.array([piece.shard for piece in group.pieces])[group.piece]
            seen[shard, group.sample] += 1
    assert (seen == 1).all()


def test_values_that_cannot_work_are_named() -> None:
    with pytest.raises(DataError, match="batch_size=0: use 1 or more"):
        Reading(batch_size=0)
    with pytest.raises(DataError, match="rank=2: of 2 ranks"):
        plan_epoch([5], seed=0, epoch=0, rank=2, reading=Reading(2))
