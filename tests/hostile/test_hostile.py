"""Everything that travels, changed at random: it is read, or refused in one sentence, and does no harm.

What a harm is: a traceback, a crash, 10 s, 2 GiB of memory, a file outside the input's folder, a program, an address.
An input that fails is kept; `case_of` of tests/support/fuzz makes it again of its number.
"""

from collections.abc import Callable

import pytest
from fuzz.formats import FORMATS
from fuzz.runner import Fuzzer


def test_there_are_enough_inputs_of_every_format() -> None:
    assert sum(form.inputs for form in FORMATS.values()) >= 20_000
    assert min(form.inputs for form in FORMATS.values()) >= 500


@pytest.mark.parametrize("name", FORMATS)
def test_inputs_are_read_or_refused_in_a_sentence(
    fuzzer: Fuzzer, name: str, record_property: Callable[[str, object], None]
) -> None:
    outcome = fuzzer.run(name, FORMATS[name].inputs)
    record_property(
        "hostile inputs", [name, outcome.inputs, outcome.counts["read"], outcome.counts["refused"], outcome.seconds]
    )
    assert outcome.failures == []
    assert outcome.inputs == FORMATS[name].inputs
    assert set(outcome.counts) == {"read", "refused"}
