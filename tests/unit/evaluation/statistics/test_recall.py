import pytest
import torch

from past.evaluation.statistics.recall import (
    PairRecall,
    chance_at,
    partner_ranks,
    pool_sizes,
    ranks_within_pools,
    recall_at,
)


def recalls(images: torch.Tensor, cells: torch.Tensor, pools: torch.Tensor, k: int) -> dict[str, float]:
    metric = PairRecall((k,))
    metric.update(images, cells, pools)
    return metric.compute()


def test_rank_counts_the_candidates_that_are_nearer() -> None:
    queries = torch.eye(3)
    candidates = torch.tensor([[0.5, 0.0, 0.0], [0.9, 1.0, 0.0], [0.7, 0.2, 0.1]])
    assert partner_ranks(queries, candidates).tolist() == [2, 0, 0]


def test_equal_embeddings_rank_in_the_middle_and_not_first() -> None:
    same = torch.ones(9, 4)
    assert partner_ranks(same, same).tolist() == [4.0] * 9


def test_candidates_of_other_pools_do_not_count() -> None:
    torch.manual_seed(0)
    images, cells = torch.randn(40, 8), torch.randn(40, 8)
    pools = torch.arange(40) % 3
    whole = ranks_within_pools(images, cells, pools)
    for pool in range(3):
        alone = partner_ranks(images[pools == pool], cells[pools == pool])
        assert torch.equal(whole[pools == pool], alone)
    assert (whole <= partner_ranks(images, cells)).all()


def test_chance_is_what_random_embeddings_reach() -> None:
    torch.manual_seed(1)
    pools = torch.arange(3000) % 30  # 100 candidates each
    images, cells = torch.randn(2, 3000, 4)
    scores = recalls(images, cells, pools, 5)
    assert scores["recall@5/chance"] == pytest.approx(0.05)
    assert scores["recall@5/mean"] == pytest.approx(0.05, abs=0.015)


def test_both_ways_by_hand() -> None:
    images = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [5.0, 5.0]])
    cells = torch.tensor([[2.0, 0.0], [3.0, 1.0], [0.0, 4.0], [9.0, 9.0]])
    pools = torch.tensor([7, 7, 7, 2])  # the last pair is alone in its section
    # dot products of the first three images (rows) and cells: [2 3 0], [0 1 4], [2 4 4]
    # an image's partner is beaten by 1, by 1, and by none but one equal: ranks 1, 1, 0.5
    # a cell's partner is beaten by none but one equal, by 2, and by none but one equal: ranks 0.5, 2, 0.5
    assert recalls(images, cells, pools, 1) == pytest.approx(
        {
            "recall@1/image_to_cell": 2 / 4,
            "recall@1/cell_to_image": 3 / 4,
            "recall@1/mean": 5 / 8,
            "recall@1/chance": (3 * 1 / 3 + 1) / 4,
            "median_rank/image_to_cell": 0.5 + 1,
            "median_rank/cell_to_image": 0.5 + 1,
        }
    )


def test_pairs_may_come_in_any_parts_and_none_is_left_for_the_next_time() -> None:
    generator = torch.Generator().manual_seed(3)
    images, cells = torch.randn(2, 12, 4, generator=generator)
    pools = torch.arange(12) % 2
    metric = PairRecall((1, 5))
    for rows in (slice(0, 7), slice(7, 7), slice(7, 12)):
        metric.update(images[rows], cells[rows], pools[rows])
    whole = PairRecall((1, 5))
    whole.update(images, cells, pools)
    assert metric.compute() == whole.compute()
    metric.reset()
    metric.update(images[:3], images[:3], pools[:3])
    assert metric.compute()["recall@5/chance"] == 1.0
    assert not metric.state_dict()


def test_chance_in_a_pool_smaller_than_k_is_one() -> None:
    assert chance_at(pool_sizes(torch.zeros(3)), 5) == 1.0


def test_perfect_pairs_are_found_both_ways() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(20, 6), dim=1)
    scores = recalls(vectors, vectors, torch.zeros(20), 1)
    assert scores["recall@1/image_to_cell"] == scores["recall@1/cell_to_image"] == 1.0
    assert recall_at(torch.tensor([0.0, 0.5, 1.0]), 1) == pytest.approx(2 / 3)
