"""Numbers with intervals, and what they stand on, in words."""

from past.report.intervals import paired_table, stands_on, with_interval

ROW = {"resampled": "blocks", "units": 16, "correlation_length": 1.44, "low": 0.1}


def test_an_interval_that_is_not_there_is_not_shown() -> None:
    assert with_interval(0.5, 0.41, 0.62) == "0.5000 [0.4100, 0.6200]"
    assert with_interval(0.5, 0.41, 0.62, places=3) == "0.500 [0.410, 0.620]"
    assert with_interval(0.5, None, None) == "0.5000"
    assert with_interval(None, float("nan"), float("nan")) == "–"


def test_what_it_stands_on_is_said() -> None:
    assert stands_on(ROW) == "16 blocks (correlation 1.4 spots)"
    assert stands_on({**ROW, "units": 2, "low": None}) == "2 blocks, too few (correlation 1.4 spots)"
    assert stands_on({**ROW, "resampled": "patients", "correlation_length": None}) == "16 patients"


def test_a_comparison_shows_counts_mean_and_units() -> None:
    counts = {"genes": 50, "wins": 30, "losses": 20, "certain_wins": 3, "certain_losses": 0}
    pair = {"task": "IDC", "other": "two", **counts, "mean_difference": 0.02, "high": 0.3, "p": 0.01, **ROW}
    table = paired_table([pair, {**pair, "certain_wins": None, "low": None, "p": None}], {"task": "section"})
    assert "<th>section</th>" in table
    assert "<td>0.0200 [0.1000, 0.3000]</td>" in table
    cells = [cell.split("</td>")[0] for cell in table.split("<td>")[1:]]
    assert cells[:7] == ["IDC", "50", "30", "20", "3", "0", "0.0200 [0.1000, 0.3000]"]
    assert cells[9:][4:] == ["–", "0", "0.0200", "–", "16 blocks, too few (correlation 1.4 spots)"]
