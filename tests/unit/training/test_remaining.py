from pathlib import Path
from types import SimpleNamespace

import pytest
from tiny_past import fit_tiny, planted_data, tiny_module, tiny_trainer

from past.training import remaining
from past.training.remaining import Remaining, in_words


def test_time_is_said_in_the_unit_that_fits() -> None:
    said = [in_words(seconds) for seconds in (0.4, 40, 119.4, 120, 7_100, 7_200, 19_080, 172_800)]
    assert said == ["0 s", "40 s", "119 s", "2 min", "118 min", "2.0 h", "5.3 h", "2.0 days"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("accumulate", [1, 2])
def test_it_is_said_once_when_the_pace_is_known(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, accumulate: int
) -> None:
    ticks = iter([100.0, 106.0])  # after the first update, and three later
    monkeypatch.setattr(remaining, "time", SimpleNamespace(monotonic=lambda: next(ticks)))
    data, module = planted_data(tmp_path / "set"), tiny_module()
    module.fit_parts(data.samples.for_fitting())
    trainer = tiny_trainer(
        tmp_path, callbacks=[Remaining()], accumulate_grad_batches=accumulate, max_epochs=2 * accumulate
    )
    with caplog.at_level("INFO", logger="past.training.remaining"):
        fit_tiny(trainer, module, data)
    left = trainer.global_step - 4
    assert left > 0
    assert [record.message for record in caplog.records if record.name == remaining.__name__] == [
        f"about {2 * left} s for the {left} updates that are left, at 2 s each"
    ]
