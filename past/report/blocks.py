"""What a page of results is made of: titled blocks, put into the template."""

import base64
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from past.report.plots import png

MARK = b'<meta name="generator" content="past">'  # in the template: by it our own pages are known


@dataclass(frozen=True)
class Block:
    """A titled part of the page: any of a sentence, a table (HTML), a PNG (base64), a listing."""

    title: str
    text: str = ""
    table: str = ""
    image: str = ""
    code: str = ""


def picture(figure: Figure) -> str:
    """Return a figure as base64 PNG."""
    return base64.b64encode(png(figure)).decode()


def page(title: str, subtitle: str, sections: list[Block]) -> str:
    """Fill the template."""
    template = files("past.report").joinpath("template.html").read_text()
    return jinja2.Template(template, autoescape=True).render(title=title, subtitle=subtitle, sections=sections)


def digits(value: Any, places: int = 4) -> str:
    """Return a score with its digits after the point; a dash where there is none."""
    return "–" if value is None or pd.isna(value) else f"{value:.{places}f}"


def as_table(frame: pd.DataFrame, decimals: int = 4) -> str:
    """Return a table as HTML."""
    return frame.to_html(index=False, border=0, na_rep="–", float_format=f"{{:.{decimals}f}}".format)
