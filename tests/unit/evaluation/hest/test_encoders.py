"""What is compared offers the same few methods, whatever it is."""

from pathlib import Path

import pytest

from past.base.errors import CheckpointError
from past.evaluation.hest.encoders import Probed, fingerprint, frozen, under
from past.evaluation.hest.protocols import FrozenFeatures, Probe
from past.evaluation.probes.ridge import RidgeHead
from past.models.past.tower import PASTTower
from past.nn.colour import ColourGrid
from past.slides.feature_cache import FeatureCache
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.stored_features import StoredFeatures


@pytest.fixture
def probe(tmp_path: Path) -> Probe:
    return Probe(FeatureCache(tmp_path), RidgeHead(), 4)


class OfFolds:
    """Another model in each fold, none in fold 2."""

    protocol = "own"
    takes_recoloured_tiles = False

    def predictor(self, fold: int, mean_colour_removed: bool) -> "OfFolds":
        raise AssertionError

    def fingerprint_of(self, fold: int) -> str:
        if fold == 2:
            raise CheckpointError("none")
        return f"model {fold}"

    def trained_on(self, fold: int) -> None:
        return None


def test_a_plain_module_is_frozen_and_all_others_stay(probe: Probe, tmp_path: Path) -> None:
    assert isinstance(frozen(ColourGrid(2)), FrozenEncoder)
    for encoder in (StoredFeatures(tmp_path), PASTTower("nowhere")):
        assert frozen(encoder) is encoder
    headless = OfFolds()
    assert under(probe, headless) is headless
    probed = under(probe, ColourGrid(2))
    assert isinstance(probed, Probed)
    assert probed.protocol == "ridge, 4 components"


@pytest.mark.parametrize(("encoder", "reads"), [("grid", True), ("stored", False), ("tower", True)])
def test_only_what_reads_tiles_can_see_them_changed(probe: Probe, tmp_path: Path, encoder: str, reads: bool) -> None:
    built = {"grid": ColourGrid(2), "stored": StoredFeatures(tmp_path), "tower": PASTTower("nowhere")}[encoder]
    assert under(probe, built).takes_recoloured_tiles is reads


def test_one_fingerprint_where_all_folds_have_the_same_model(probe: Probe) -> None:
    grid = FrozenEncoder.of(ColourGrid(2))
    assert fingerprint(under(probe, grid), [0, 1]) == grid.fingerprint
    assert fingerprint(OfFolds(), [0, 1, 2]) == {"fold 0": "model 0", "fold 1": "model 1", "fold 2": None}
    assert fingerprint(under(probe, PASTTower("nowhere")), [0, 1]) is None


@pytest.mark.parametrize("removed", [False, True])
def test_a_fold_is_predicted_by_the_head_from_its_model(probe: Probe, removed: bool) -> None:
    grid = FrozenEncoder.of(ColourGrid(2))
    assert under(probe, grid).predictor(1, removed) == FrozenFeatures(grid.for_fold(1), probe, removed)
