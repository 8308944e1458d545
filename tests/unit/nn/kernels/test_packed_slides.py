import pytest
import torch

from past.nn.kernels.packed_slides import PackedSlides


def test_chunks_of_a_slide_hold_its_own_distances() -> None:
    coords = torch.tensor([[0.0, 0.0], [9.0, 9.0], [3.0, 4.0], [9.0, 8.0]])
    slides = PackedSlides(coords[[0, 2, 1, 3]], [2, 0, 2], chunk=1)
    assert slides.slides == (slice(0, 2), slice(2, 2), slice(2, 4))
    found = [[(rows, distances.tolist()) for rows, distances in slides.chunks(slide, heads=1)] for slide in range(3)]
    assert found[0] == [(slice(0, 1), [[0.0, 5.0]]), (slice(1, 2), [[5.0, 0.0]])]
    assert found[1] == []
    assert found[2] == [(slice(2, 3), [[0.0, 1.0]]), (slice(3, 4), [[1.0, 0.0]])]


@pytest.mark.parametrize(("kept", "same"), [(2**20, True), (0, False)])
def test_few_distances_are_made_once(kept: int, same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.nn.kernels.packed_slides.KEPT", kept)
    slides = PackedSlides(torch.rand(10, 2), [10])
    first, again = (next(slides.chunks(0, heads=1))[1] for _ in range(2))
    assert (first.data_ptr() == again.data_ptr()) is same
    assert torch.equal(first, again)


def test_near_spots_far_from_the_origin_keep_their_distance() -> None:
    coords = torch.tensor([[9999.0, 9999.0], [9999.0, 9999.01]])
    ((_, distances),) = PackedSlides(coords, [2]).chunks(0, heads=1)
    assert distances[0, 1].item() == (coords[1, 1] - coords[0, 1]).item() > 0.009


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_distances_are_float32_or_wider(dtype: torch.dtype) -> None:
    slides = PackedSlides(torch.rand(3, 2).to(dtype), [3])
    assert next(slides.chunks(0, heads=1))[1].dtype == torch.promote_types(dtype, torch.float32)


@pytest.mark.parametrize(("logits", "rows"), [(5 * 2**24, 1024), (700 * 1500, 512), (200 * 1500, 200), (1500, 64)])
def test_chunks_are_whole_tiles_where_the_logits_at_a_time_allow(
    logits: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("past.nn.kernels.packed_slides.KEPT", 0)
    monkeypatch.setattr("past.nn.kernels.packed_slides.LOGITS", logits)
    queries = [rows for rows, _ in PackedSlides(torch.zeros(1500, 2), [1500]).chunks(0, heads=1)]
    assert queries[0] == slice(0, rows)
    assert [one.stop for one in queries[:-1]] == [one.start for one in queries[1:]]
    assert queries[-1].stop == 1500


def test_more_heads_mean_fewer_queries_and_the_caller_may_ask_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.nn.kernels.packed_slides.LOGITS", 1024 * 1500)
    slides = PackedSlides(torch.zeros(1500, 2), [1500])
    assert next(slides.chunks(0, heads=1))[0].stop == 1024
    assert next(slides.chunks(0, heads=4))[0].stop == 256
    assert next(slides.chunks(0, heads=1, queries=384))[0].stop == 384
