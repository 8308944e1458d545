import pytest
import torch

from past.evaluation.statistics.recall import (
    chance_at,
    partner_ranks,
    pool_sizes,
    ranks_within_pools,
    recall_at,
    recalls,
)


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
    scores = recalls(images, cells, pools, ks=(5,))
    assert scores["recall@5/chance"] == pytest.approx(0.05)
    assert scores["recall@5/mean"] == pytest.approx(0.05, abs=0.015)


def test_chance_in_a_pool_smaller_than_k_is_one() -> None:
    assert chance_at(pool_sizes(torch.zeros(3)), 5) == 1.0


def test_perfect_pairs_are_found_both_ways() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(20, 6), dim=1)
    scores = recalls(vectors, vectors, torch.zeros(20), ks=(1,))
    assert scores["recall@1/image_to_cell"] == scores["recall@1/cell_to_image"] == 1.0
    assert recall_at(torch.tensor([0.0, 0.5, 1.0]), 1) == pytest.approx(2 / 3)
