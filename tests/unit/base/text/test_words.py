"""What stands in a name is shown, and does nothing."""

import io
import warnings

import pytest
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from past.base.text.words import as_typed, in_figure, on_screen

NAMES = ("[red]S1", "[/b]", "a:b:c", ":smile:", "S1\\", "S_1", "C$1$", "é", "[link=file:///x]y", "a b")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_as_it_is(name: str) -> None:
    assert as_typed(name) == name
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system="truecolor")
    table = Table(box=None, show_header=False, padding=0)
    table.add_row(on_screen(name))
    console.print(on_screen(name))
    console.print(table)
    assert [line.rstrip() for line in file.getvalue().splitlines()] == [name, name]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("\x1b[31mS", r"\x1b[31mS"), ("a\nb", r"a\nb"), ("a\r=1", r"a\r=1"), ("\x07", r"\x07"), ("\x00", r"\x00"),
        ("\u202eS", r"\u202eS"), ("\ud800", r"\ud800"), (5, "5"),
    ],
)  # fmt: skip
def test_what_is_no_letter_is_its_escape(name: object, shown: str) -> None:
    assert as_typed(name) == on_screen(name).plain == in_figure(name) == shown


def test_a_legend_has_every_name() -> None:
    axes = Figure().subplots()
    for name in ("_first", "second"):
        axes.plot([0, 1], [0, 1], label=in_figure(name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [text.get_text().strip() for text in axes.legend().get_texts()] == ["_first", "second"]
