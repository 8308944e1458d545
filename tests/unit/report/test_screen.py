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
