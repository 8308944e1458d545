import numpy as np
import pytest

from past.base.errors import DataError
from past.models.stpath.slide_input import check_slide

FEATURES, COORDS = np.zeros((3, 1536), np.float16), np.array([[0, 0], [0, 1], [1, 0]])
WRONG = np.where(np.arange(3)[:, None] == 1, np.inf, FEATURES)


def test_a_slide_of_the_right_width_passes() -> None:
    check_slide(FEATURES, COORDS, 1536, None)


@pytest.mark.parametrize(
    ("features", "coords", "encoder", "said"),
    [
        (FEATURES[:, :1024], COORDS, None, r"\(3, 1024\) \(UNI's .* width\), but .* 1536 .* \(Prov-GigaPath's, UNI2"),
        (FEATURES[:, :7], COORDS, "GigaPath", r"\(3, 7\), but the weights read 1536 .* their encoder \(GigaPath\)"),
        (FEATURES[0], COORDS, None, r"features of shape \(1536,\)"),
        (FEATURES, COORDS[:2], None, r"3 spots in features, but coords of shape \(2, 2\)"),
        (FEATURES[:0], COORDS[:0], None, "no spot"),
        (WRONG, COORDS, None, "features: 1 of 3 rows hold NaN or infinity .the first is row 1."),
        (
            FEATURES,
            COORDS[[0, 1, 1]],
            None,
            r"1 of 3 spots lie where another does \(the first at 0, 1, row 1\)",
        ),
    ],
)
def test_each_fault_is_named_with_its_cure(
    features: np.ndarray, coords: np.ndarray, encoder: str | None, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        check_slide(features, coords, 1536, encoder)
