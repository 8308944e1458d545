"""The fuzzer notices what it is there for: each harm is planted in a reader, and is told with the input's number."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fuzz.case import case_of
from fuzz.planted import FORMATS, HARMS
from fuzz.runner import Fuzzer

INPUTS = 4


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    fuzzer = Fuzzer(tmp_path_factory.mktemp("planted"), "fuzz.planted", hang=2)
    yield fuzzer
    fuzzer.close()


@pytest.mark.parametrize("name", HARMS)
def test_a_harm_is_noticed_and_its_input_is_kept(fuzzer: Fuzzer, name: str) -> None:
    outcome = fuzzer.run(name, INPUTS)
    assert len(outcome.failures) + outcome.inputs == INPUTS
    assert outcome.failures
    for failure in outcome.failures:
        assert re.search(rf"^{name} \d+: .*{HARMS[name][1]}", failure)
        kept = Path(failure[failure.rindex("[") + 1 : -1])
        assert (kept / "a.txt").read_bytes() != b"sound"


def test_a_sentence_is_no_harm(fuzzer: Fuzzer) -> None:
    outcome = fuzzer.run("refused", INPUTS)
    assert outcome.failures == []
    assert outcome.counts["refused"] > 0
    assert outcome.inputs == INPUTS


def test_a_sound_input_that_cannot_be_read_is_an_error_of_the_fuzzer(fuzzer: Fuzzer) -> None:
    with pytest.raises(RuntimeError, match="no_such_format: the sound input cannot be read"):
        fuzzer.run("no_such_format", 1)


def test_a_number_gives_the_same_input_every_time(tmp_path: Path) -> None:
    form = FORMATS["refused"]
    inputs = [[case_of("refused", form, form.make(), number, tmp_path) for number in range(50)] for _ in range(2)]
    assert inputs[0] == inputs[1]
    assert len({case["a.txt"] for case in inputs[0]}) > 25
