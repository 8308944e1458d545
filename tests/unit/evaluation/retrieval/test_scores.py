"""Recall within sections, chance and the ceiling of a known type, with intervals over independent units."""

import numpy as np
import pytest
import torch
from scipy import stats

from past.base.errors import DataError
from past.evaluation.retrieval.scores import Matcher, score_table, type_ceiling
from past.evaluation.statistics.units import Places
from past.evaluation.task import Row


def tissue(sections: tuple[tuple[str, str, int], ...]) -> tuple[torch.Tensor, Places, np.ndarray]:
    """Sections (name, patient, cells) side by side; each cell's embedding is its type's, its own a little apart."""
    generator, names, patients, kinds = torch.Generator().manual_seed(0), [], [], []
    for section, patient, cells in sections:
        names += [section] * cells
        patients += [patient] * cells
        kinds += [i % 4 for i in range(cells)]
    apart = 0.05 * torch.randn(len(kinds), 8, generator=generator)
    own = torch.nn.functional.normalize(torch.eye(8)[kinds] + apart, dim=1)
    coords = np.stack(np.divmod(np.arange(len(kinds)), 8), axis=1) * 10.0
    return own, Places(np.array(patients), np.array(names), coords), np.array([f"type {kind}" for kind in kinds])


THREE = (("A1", "A", 40), ("A2", "A", 60), ("B1", "B", 20))


def random(cells: int) -> Matcher:
    vectors = torch.randn(2, cells, 8, generator=torch.Generator().manual_seed(1))
    return Matcher("random", *torch.nn.functional.normalize(vectors, dim=2))


def row(table: list[Row], name: str, matcher: str) -> Row:
    return next(entry for entry in table if entry["name"] == name and entry["matcher"] == matcher)


def test_rows_for_every_section_patient_and_all_with_every_matcher() -> None:
    own, places, types = tissue(THREE)
    table, paired = score_table([Matcher("PAST", own, own), random(120)], places, types)
    scopes = [("section", "A1"), ("section", "A2"), ("section", "B1"), ("patient", "A"), ("patient", "B")]
    scopes.append(("all", "all"))
    assert [(entry["scope"], entry["name"]) for entry in table[::2]] == scopes
    assert row(table, "all", "PAST")["recall@1/mean"] == 1.0
    assert row(table, "A1", "random")["recall@5/mean"] == pytest.approx(5 / 40, abs=0.1)
    assert row(table, "A1", "PAST")["recall@5/chance"] == pytest.approx(5 / 40)
    assert row(table, "all", "PAST")["recall@5/chance"] == pytest.approx(
        (40 * 5 / 40 + 60 * 5 / 60 + 20 * 5 / 20) / 120
    )
    assert row(table, "all", "PAST")["median_rank/image_to_cell"] == 1.0
    assert row(table, "B1", "PAST")["recall@10/ceiling"] == 1.0  # five of a kind
    assert row(table, "A1", "PAST")["recall@1/ceiling"] == pytest.approx(1 / 10)
    assert [(entry["scope"], entry["name"], entry["k"]) for entry in paired[:4]] == [
        ("section", "A1", 1), ("section", "A1", 5), ("section", "A1", 10), ("section", "A2", 1)
    ]  # fmt: skip


def test_intervals_are_over_sections_where_there_are_five() -> None:
    own, places, types = tissue(tuple((f"S{i}", "A", 40) for i in range(6)))
    matchers = [Matcher("PAST", own, own), random(240)]
    table, paired = score_table(matchers, places, types, ks=(5,))
    of_sections = np.array(
        [[row(table, f"S{i}", name)["recall@5/mean"] for i in range(6)] for name in ("PAST", "random")]
    )
    found = row(table, "all", "random")
    low, high = stats.t.interval(0.95, 5, of_sections[1].mean(), stats.sem(of_sections[1]))
    assert (found["recall@5/low"], found["recall@5/high"]) == (pytest.approx(low), pytest.approx(high))
    assert (found["resampled"], found["units"], found["correlation_length"]) == ("sections", 6, None)
    difference = paired[-1]
    expected = stats.ttest_rel(*of_sections)
    assert (difference["name"], difference["matcher"], difference["other"]) == ("all", "PAST", "random")
    assert difference["difference"] == pytest.approx((of_sections[0] - of_sections[1]).mean())
    assert difference["p"] == pytest.approx(expected.pvalue)
    assert difference["low"] == pytest.approx(expected.confidence_interval().low)


def test_one_section_is_cut_into_blocks_and_a_share_lies_within_0_and_1() -> None:
    own, places, types = tissue((("A1", "A", 400),))
    table, _ = score_table([random(400)], places, types, ks=(1,))
    found = row(table, "all", "random")
    assert found["resampled"] == "blocks"
    assert 3 <= found["units"] <= 25
    assert found["recall@1/low"] == 0 <= found["recall@1/mean"] < found["recall@1/high"] < 0.02
    assert own.shape == (400, 8)


def test_the_ceiling_is_what_knowing_only_the_type_reaches() -> None:
    _, places, types = tissue(THREE)
    kinds = torch.tensor([int(name[-1]) for name in types])
    noise = 1e-3 * torch.randn(2, 120, 4, generator=torch.Generator().manual_seed(2))
    knows_type = Matcher("type", *(torch.eye(4)[kinds] + noise))
    table, _ = score_table([knows_type], places, types)
    reached = [row(table, section, "type")["recall@5/mean"] for section in ("A1", "A2")]
    ceilings = [row(table, section, "type")["recall@5/ceiling"] for section in ("A1", "A2")]
    assert reached == pytest.approx(ceilings, abs=0.12)


def test_no_ceiling_where_a_type_is_unknown() -> None:
    _, places, types = tissue(THREE)
    types[3] = ""
    assert type_ceiling(places.sections, types, 5) is None


def test_no_cells_is_an_error() -> None:
    none = np.zeros(0, dtype=str)
    with pytest.raises(DataError, match=r"no cells: .* \(data\.val=…\)"):
        score_table([], Places(none, none, np.zeros((0, 2))), none)
