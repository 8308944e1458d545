"""Rows on a terminal."""

import io

from rich.console import Console

from past.report.screen import show


def test_the_screen_shows_three_digits_and_a_dash_for_nothing() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    show(
        [{"name": "S0", "recall@1/mean": 0.12345, "cells": 20.0}, {"name": "S1", "recall@1/mean": None, "new": 1}],
        console,
    )
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[-2:] == [["S0", "0.123", "20", "–"], ["S1", "–", "–", "1"]]
    assert {"name", "cells", "new"} <= {word for line in lines[:-2] for word in line}


def test_names_are_no_markup() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    show([{"[/b]": "[/bold]", "name": "[red]S1", "by": "a:b:c\x1b[2J"}], console)
    assert {"[/bold]", "[red]S1", "b]", r"a:b:c\x1b[2J"} <= set(console.export_text().split())


WIDE = [{"section": "S1", "by": "PAST", "recall@5": 0.125, "95 %@5": "0.000–0.210", "chance@5": 0.027}]


def shown(width: int, terminal: bool) -> list[list[str]]:
    console = Console(width=width, file=io.StringIO(), force_terminal=terminal, color_system=None, record=True)
    show(WIDE, console)
    return [line.split() for line in console.export_text().splitlines()]


def test_a_table_that_is_wider_than_the_screen_goes_on_below_and_no_number_is_cut() -> None:
    above = [["section", "by", "recall@5", "95", "%@5"], ["S1", "PAST", "0.125", "0.000–0.210"]]
    below = [["section", "by", "chance@5"], ["S1", "PAST", "0.027"]]
    assert shown(45, terminal=True) == [*above, [], *below]


def test_a_file_gets_it_whole() -> None:
    assert shown(20, terminal=False)[1] == ["S1", "PAST", "0.125", "0.000–0.210", "0.027"]
