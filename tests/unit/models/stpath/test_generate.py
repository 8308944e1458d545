import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix

from past.models.stpath.batch import SlideBatch
from past.models.stpath.gene_embedding import GeneHead
from past.models.stpath.generate import dropout_states, generate, predicted
from past.models.stpath.model import STPath
from past.models.stpath.samples.masking import tell
from past.models.stpath.vocabulary import MASK, RESERVED

TOKENS, SPOTS = 9, 10
GENES = np.array([3, 5])
HALF_A_COUNT = np.log(1.5)


@pytest.fixture
def model() -> STPath:
    torch.manual_seed(0)
    made = STPath(TOKENS, features=4, dim=8, depth=1, heads=2, dropout=0.5).eval()
    torch.nn.init.normal_(made.head.bias)
    return made


@pytest.fixture
def slide() -> SlideBatch:
    generator = torch.Generator().manual_seed(1)
    features, coords = torch.randn(SPOTS, 4, generator=generator), torch.rand(SPOTS, 2, generator=generator) * 100
    token = torch.ones(SPOTS, dtype=torch.long)
    masked = tell(csr_matrix((SPOTS, TOKENS), dtype=np.float32), np.arange(SPOTS))
    return SlideBatch(features, coords, (SPOTS,), token, token, masked)


def test_predictions_come_some_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    head, hidden = GeneHead(TOKENS, 8), torch.randn(2, SPOTS, 8)
    whole = head(hidden, torch.from_numpy(GENES))
    for name, value in (("SPOTS_AT_ONCE", 4), ("VALUES_AT_ONCE", 8)):  # 8 values of two genes: four rows
        with monkeypatch.context() as patch:
            patch.setattr(f"past.models.stpath.generate.{name}", value)
            blocks = list(predicted(head, hidden, GENES))
        assert [rows for rows, _ in blocks] == [slice(0, 4), slice(4, 8), slice(8, 10)]
        torch.testing.assert_close(torch.cat([block for _, block in blocks], dim=1), whole)


@torch.no_grad()
def test_one_step_is_one_pass_that_is_told_what_is_measured(model: STPath, slide: SlideBatch) -> None:
    told = csr_matrix(np.where(np.arange(SPOTS)[:, None] == 4, np.arange(TOKENS) > 2, 0).astype(np.float32))
    found = generate(model, slide, told, np.array([4]), GENES, steps=1)
    others = np.delete(np.arange(SPOTS), 4)
    expected = model(SlideBatch(**{**vars(slide), "expression": tell(told, others)}))
    assert torch.equal(found, expected)
    assert not torch.allclose(found, model(slide))


@torch.no_grad()
def test_a_second_pass_is_told_the_surest_predictions_of_the_first(model: STPath, slide: SlideBatch) -> None:
    told, measured = csr_matrix((SPOTS, TOKENS), dtype=np.float32), np.empty(0, dtype=np.int64)
    found = generate(model, slide, told, measured, GENES, steps=2)
    first = model(slide)
    values = model.head(first, torch.from_numpy(GENES))
    surest = (values - values.mean(0)).square().mean(1).argsort(stable=True)[: round((1 - np.cos(np.pi / 4)) * SPOTS)]
    everything = model.head(first[surest], torch.arange(RESERVED, TOKENS)).numpy()
    second = np.zeros((SPOTS, TOKENS), np.float32)
    second[surest.numpy(), RESERVED:] = np.where(everything > HALF_A_COUNT, everything, 0)
    still_open = np.setdiff1d(np.arange(SPOTS), surest.numpy())
    expected = model(SlideBatch(**{**vars(slide), "expression": tell(csr_matrix(second), still_open)}))
    assert torch.equal(found[surest], first[surest])  # kept for good
    torch.testing.assert_close(found[still_open], expected[still_open])
    assert (slide.expression.genes == MASK).all()  # the caller's slide is as it was


@torch.no_grad()
def test_dropout_follows_its_seed_and_leaves_generator_and_mode_alone(model: STPath, slide: SlideBatch) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, two = (dropout_states(model, slide, 2, seed=5) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(dropout_states(model, slide, 1, seed=6)[0], one[0])
    assert not model.training


@pytest.mark.parametrize(("genes", "rows"), [(2, 1024), (20_000, 419)])  # 419 × 20,000 float32: 32 MB
def test_rows_of_all_genes_are_as_many_as_a_bound_of_memory_allows(genes: int, rows: int) -> None:
    head = GeneHead(20_000, 2)
    assert next(predicted(head, torch.zeros(2_000, 2), np.arange(genes)))[0] == slice(0, rows)
