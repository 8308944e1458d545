import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, random_array

from past.base.errors import ConfigError
from past.models.stpath.loss import masked_expression
from past.models.stpath.samples.masking import (
    MASK_RATIOS,
    Masking,
    Slide,
    choose_masked,
    join_slides,
    masked_example,
    nearest_patch,
    scale_coords,
    variable_genes,
)
from past.models.stpath.vocabulary import MASK, PADDING

SPOTS, TOKENS = 200, 60


@pytest.fixture
def slide() -> Slide:
    rng = np.random.default_rng(0)
    counts = csr_matrix(random_array((SPOTS, TOKENS), density=0.4, rng=rng))
    counts.data = np.log1p(rng.integers(1, 20, counts.nnz)).astype(np.float32)
    counts = csr_matrix(np.where(np.arange(TOKENS) < 2, 0, counts.toarray()))  # tokens 0 and 1 are no genes
    coords = scale_coords(rng.random((SPOTS, 2)) * 5000)
    features = rng.random((SPOTS, 8)).astype(np.float16)
    return Slide(features, coords, counts, variable_genes(counts, 10), technology=2, organ=5)


def test_the_most_variable_genes_come_first_and_not_the_least() -> None:
    rows = np.zeros((40, 6))  # a slide of 40 spots; token 0 occurs nowhere
    rows[:, 1] = 3.0  # everywhere the same
    rows[:20, 2] = 1.0  # variance 1/4
    rows[:20, 3] = 2.0  # variance 1
    rows[:4, 4] = 1.0  # in a tenth of the spots: variance 0.09
    rows[0, 5] = 9.0  # in one spot of forty: variance 1.97, but too few spots
    assert variable_genes(csr_matrix(rows), 6).tolist() == [3, 2, 4, 1, 5]
    assert variable_genes(csr_matrix(rows), 2).tolist() == [3, 2]


def test_ratios_are_shares_and_the_published_one_is_beta_10_1() -> None:
    rng = np.random.default_rng(0)
    means = {name: np.mean([draw(rng) for _ in range(4000)]) for name, draw in MASK_RATIOS.items()}
    expected = {"beta": 10 / 11, "uniform": 1 / 2, "cosine": 2 / np.pi, "square_root": 1 / 3, "square": 2 / 3}
    assert means == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("wrong", [{"ratio": "linear"}, {"ratio": 1.5}, {"patch": (9, 3)}])
def test_settings_that_cannot_work_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=f"masking.{next(iter(wrong))}="):
        Masking(**wrong)  # type: ignore[arg-type]


def test_a_patch_holds_the_spots_nearest_to_its_centre(slide: Slide) -> None:
    masking = Masking(patch=(20, 30))
    patch = nearest_patch(slide.coords, masking, np.random.default_rng(3))
    assert 20 <= len(patch) <= 30
    rest = np.setdiff1d(np.arange(SPOTS), patch)
    distance = np.linalg.norm(slide.coords[:, None] - slide.coords, axis=-1)
    assert any(distance[centre, patch].max() <= distance[centre, rest].min() for centre in patch)
    assert len(nearest_patch(slide.coords, Masking(patch=(500, 600)), np.random.default_rng(0))) == SPOTS


def test_at_least_one_spot_is_masked() -> None:
    wholly, partly = choose_masked(3, Masking(ratio=0.01), np.random.default_rng(0))
    assert len(wholly) == 1
    assert len(partly) == 0


def test_example_hides_what_it_is_scored_on(slide: Slide) -> None:
    batch = masked_example(slide, Masking(patch=(100, 100), ratio=0.5, variable_share=1.0), np.random.default_rng(1))
    told = batch.expression
    entries = told.offsets.diff()
    scored = batch.scored[0]
    assert (len(batch), len(told), len(scored.spots)) == (100, 100, 50)
    wholly = (entries == 1) & (told.genes[told.offsets[:-1]] == MASK)
    assert int(wholly.sum()) == 45
    assert set(wholly.nonzero()[:, 0].tolist()) <= set(scored.spots.tolist())
    # all of it is still in the targets, in the slide's own scale
    assert scored.genes.tolist() == slide.variable.tolist()
    patch = [int(np.flatnonzero((slide.coords == row).all(1))[0]) for row in batch.coords.numpy()]
    measured = slide.expression[patch].toarray()
    np.testing.assert_array_equal(scored.values, measured[scored.spots][:, slide.variable])
    halved = np.setdiff1d(scored.spots.numpy(), wholly.nonzero()[:, 0].numpy())
    assert entries[halved].tolist() == [n - n // 2 for n in (measured[halved] > 0).sum(1)]


def test_all_observed_genes_are_scored_in_the_other_steps(slide: Slide) -> None:
    batch = masked_example(slide, Masking(variable_share=0.0), np.random.default_rng(1))
    assert batch.scored[0].genes.tolist() == list(range(2, TOKENS))


def test_technology_is_told_for_one_spot_in_five(slide: Slide) -> None:
    masking = Masking(patch=(SPOTS, SPOTS))
    technology = torch.cat([masked_example(slide, masking, np.random.default_rng(i)).technology for i in range(20)])
    assert set(technology.tolist()) == {PADDING, 2}
    assert (technology == 2).float().mean().item() == pytest.approx(0.2, abs=0.03)


def test_same_generator_same_example(slide: Slide) -> None:
    one, two = (masked_example(slide, Masking(), np.random.default_rng(9)) for _ in range(2))
    assert torch.equal(one.expression.genes, two.expression.genes)
    assert torch.equal(one.scored[0].values, two.scored[0].values)


def test_joined_slides_are_scored_as_each_alone(slide: Slide) -> None:
    rng = np.random.default_rng(2)
    parts = [masked_example(slide, Masking(patch=(10, 40)), rng) for _ in range(3)]
    joined = join_slides(parts)
    assert joined.lengths == tuple(len(part) for part in parts)
    head = torch.nn.Linear(8, TOKENS)

    def predict(hidden: torch.Tensor, genes: torch.Tensor) -> torch.Tensor:
        return head(hidden)[:, genes]

    alone = [masked_expression(part.features.float(), predict, part.scored) for part in parts]
    pairs = torch.tensor([part.scored[0].values.numel() for part in parts])
    together = masked_expression(joined.features.float(), predict, joined.scored)
    torch.testing.assert_close(together, (torch.stack(alone) * pairs).sum() / pairs.sum())
    spot = parts[0].lengths[0] + 1  # a spot of the second slide keeps its own expression
    start, stop = joined.expression.offsets[spot : spot + 2]
    first, last = parts[1].expression.offsets[1:3]
    assert torch.equal(joined.expression.genes[start:stop], parts[1].expression.genes[first:last])


def test_coordinates_are_scaled_per_axis_and_a_line_does_not_divide_by_zero() -> None:
    coords = np.array([[3.0, 7.0], [5.0, 7.0], [4.0, 7.0]])
    before = coords.copy()
    np.testing.assert_array_equal(scale_coords(coords), [[0, 0], [100, 0], [50, 0]])
    np.testing.assert_array_equal(coords, before)
