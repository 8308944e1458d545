"""One fuzzer for a session, and the table of what came of each format."""

from collections.abc import Iterator

import pytest
from fuzz.runner import Fuzzer

KEY = "hostile inputs"


@pytest.fixture(scope="session")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    fuzzer = Fuzzer(tmp_path_factory.mktemp("hostile"))
    yield fuzzer
    fuzzer.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [
        report for found in terminalreporter.stats.values() for report in found if isinstance(report, pytest.TestReport)
    ]
    rows = [dict(report.user_properties)[KEY] for report in reports if KEY in dict(report.user_properties)]
    rows = sorted({tuple(row) for row in rows})
    if rows:
        terminalreporter.section(KEY)
        terminalreporter.write_line(f"{'format':14} {'inputs':>7} {'read':>7} {'refused':>8} {'seconds':>8}")
        for name, *numbers in [*rows, ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))]:
            inputs, read, refused, seconds = numbers
            terminalreporter.write_line(f"{name:14} {inputs:7,} {read:7,} {refused:8,} {seconds:8.1f}")
