"""Parts of a page: what comes from data cannot become HTML, and a score has four digits."""

import pandas as pd

from past.report.blocks import Block, as_table, digits, page


def test_names_from_data_stay_text() -> None:
    table = as_table(pd.DataFrame({"gene <b>": ["<script>alert(1)</script>"], "r": [0.123456]}))
    assert "<script>" not in table
    assert "&lt;script&gt;" in table
    assert "0.1235" in table
    shown = page("run <i>", "one & two", [Block("Genes <u>", "a < b", table=table)])
    assert "<title>run &lt;i&gt;" in shown
    assert "Genes &lt;u&gt;" in shown
    assert "a &lt; b" in shown
    assert table in shown  # the table is HTML already


def test_digits() -> None:
    assert [digits(value) for value in (0.5, -0.00004, None, float("nan"))] == ["0.5000", "-0.0000", "–", "–"]
