"""A batch moves as one."""

from past.models.survival.batch import BagBatch


def test_a_batch_moves_with_its_names(batch: BagBatch) -> None:
    moved = batch.map(lambda tensor: tensor + 0)
    assert len(moved) == 4
    assert moved.names == ("A", "B", "C", "D")
    assert moved.tiles.equal(batch.tiles)
