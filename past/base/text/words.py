"""Names as they were typed, wherever people see them: no part of one is markup, a smiley, or a terminal's command."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


def as_typed(name: object) -> str:
    """Return a name on one line; what is no letter to be seen (a line's end, a terminal's command) as its escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(name))


def on_screen(name: object) -> "Text":
    r"""Return a name for rich, which would read [red] as a colour, :b: as a smiley and send \x1b to the terminal."""
    from rich.text import Text  # every module imports the errors, which import this one

    return Text(as_typed(name))


def in_figure(name: object) -> str:
    """Return a name for matplotlib, which leaves out of a legend what begins with _ (formulas: see `parse_math`)."""
    typed = as_typed(name)
    return f" {typed}" if typed.startswith("_") else typed
