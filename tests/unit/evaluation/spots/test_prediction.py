"""Slides predicted with some of their spots told."""

import numpy as np
from slide_shards import GENES

from past.data.shards.slides import SlideSet
from past.evaluation.spots.prediction import SlidePredictor
from past.models.stpath.predict import Predictor


def test_lower_mask_ratios_measure_more_of_the_same_spots(slides: SlideSet, model: Predictor) -> None:
    predict = SlidePredictor(model, None, GENES, GENES[:3], 4, seed=0)
    slide = slides.get("A1")
    scored = [predict(slide, ratio).scored for ratio in (1.0, 0.95, 0.8)]
    assert [len(rows) for rows in scored] == [64, 61, 51]
    assert set(scored[2]) < set(scored[1]) < set(scored[0])
    found = predict(slide, 0.8)
    assert list(found.predicted) == ["STPath", "STPath zero-shot", "nearest 4 measured"]
    assert np.abs(found.predicted["STPath"] - found.predicted["STPath zero-shot"]).max() > 1e-6
    np.testing.assert_array_equal(found.predicted["STPath zero-shot"], predict(slide, 1).predicted["STPath"])
    assert found.spots().truth.shape == (51, 3)
