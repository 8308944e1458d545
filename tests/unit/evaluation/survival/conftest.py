"""Three folds of a planted cohort, trained in seconds; nothing of it needs scikit-survival."""

import os
from pathlib import Path

import pytest
from tiny_cohort import plant
from tiny_training import composed

import past.train as entry

WORDS = (
    "experiment=survival", "trainer=cpu", "callbacks.progress=null", "model.dim=16", "module.optim.lr=0.01",
    "trainer.max_epochs=12", "data.samples.columns.covariates=[age,is_female]",
)  # fmt: skip


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output root: survival/0, survival/1 and survival/2 are three folds, survival/2-1 is another seed's."""
    root = tmp_path_factory.mktemp("survival")
    cohort = plant(root / "cohort", patients=60, by_tiles=1.0, without=(3, 3))
    arms = (*cohort.words, *cohort.molecules, *cohort.image)
    for fold in range(3):
        own = (f"output_root={root}", f"run_id={fold}", f"data.samples.fold={fold}")
        entry.train(composed("train", *WORDS, *arms, *own))
    os.environ.pop("PAST_RUN_ID", None)  # which training leaves for processes that it starts
    return root
