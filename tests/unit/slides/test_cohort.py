"""Cohorts: names that never collide, shares, and a summary that several processes write."""

from pathlib import Path

import pytest

from past.base.errors import ConfigError, DataError
from past.base.text.tables import read_words
from past.slides.cohort import SUMMARY, CohortSlide, Outcome, read_cohort, share_of, work_through


def names(*paths: str) -> list[str]:
    return [slide.name for slide in read_cohort([Path(path) for path in paths])]


def test_two_results_never_share_a_name() -> None:
    assert names("x/a.svs", "x/b.svs") == ["a", "b"]
    assert names("x/a.svs", "y/a.svs", "y/b.svs") == ["x_a", "y_a", "b"]
    assert names("p/x/a.svs", "q/x/a.svs", "y/A.svs") == ["p_x_a", "q_x_a", "y_A"]
    assert names("x/a.svs", "x/a.tif") == ["x_a_svs", "x_a_tif"] or len(set(names("x/a.svs", "x/a.tif"))) == 2
    assert names("it's #1 é.svs") == ["it's #1 é"]
    with pytest.raises(ConfigError, match=r"a\.svs is given more than once"):
        names("x/a.svs", "x/a.svs")
    with pytest.raises(ConfigError, match="no slide is given"):
        names()


def test_a_table_says_more_of_its_slides(tmp_path: Path) -> None:
    table = tmp_path / "cohort.csv"
    table.write_text("slide,mpp,organ,patient\nsub/a.svs,0.25,Breast,P1\nb.svs,,,\n")
    first, second = read_cohort([table], mpp=0.5)
    assert first == CohortSlide(tmp_path / "sub" / "a.svs", "a", 0.25, "Breast", None, "P1")
    assert second == CohortSlide(tmp_path / "b.svs", "b", 0.5)
    table.write_text("slide,mpp\na.svs,wide\n")
    with pytest.raises(DataError, match=r"line 2: mpp 'wide' is no number"):
        read_cohort([table])
    table.write_text("file\na.svs\n")
    with pytest.raises(DataError, match="no column slide"):
        read_cohort([table])


def test_shares_are_disjoint_and_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    cohort = [CohortSlide(Path(f"{i}.svs"), str(i)) for i in range(7)]
    parts = [share_of(cohort, f"{i}/3") for i in range(3)]
    assert sorted(slide.name for part in parts for slide in part) == [str(i) for i in range(7)]
    assert share_of(cohort, None) == cohort
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert share_of(cohort, None) == parts[1]
    for wrong in ("3/3", "1", "a/b", "-1/3"):
        with pytest.raises(ConfigError, match=f"--share {wrong}: give which of how many"):
            share_of(cohort, wrong)


def test_broken_slides_are_named_and_the_others_done(tmp_path: Path) -> None:
    cohort = [CohortSlide(Path(f"{name}.svs"), name) for name in "abcd"]

    def work(slide: CohortSlide, may_wait: bool) -> Outcome:
        if slide.name == "b":
            raise DataError("b.svs: cut off")
        if slide.name == "c":
            raise PermissionError(13, "Permission denied", "c.svs")
        return Outcome("done", 5, 0, 0.25, "Aperio's MPP")

    assert work_through(cohort, work, tmp_path / "out") == ["b.svs: cut off", "c.svs: Permission denied"]
    rows = read_words(tmp_path / "out" / SUMMARY, ["slide"], "")
    assert [(row["slide"], row["state"], row["tiles"], row["fault"]) for row in rows] == [
        ("a", "done", "5", ""),
        ("b", "broken", "", "b.svs: cut off"),
        ("c", "broken", "", "c.svs: Permission denied"),
        ("d", "done", "5", ""),
    ]
    before = (tmp_path / "out" / SUMMARY).read_bytes()
    assert work_through(cohort[:1], lambda *_: Outcome("found", 5, 0, 0.25), tmp_path / "out") == []
    assert (tmp_path / "out" / SUMMARY).read_bytes() == before


def test_what_another_process_has_in_hand_comes_last(tmp_path: Path) -> None:
    cohort, seen = [CohortSlide(Path(f"{name}.svs"), name) for name in "abc"], []

    def work(slide: CohortSlide, may_wait: bool) -> Outcome:
        seen.append((slide.name, may_wait))
        if slide.name == "a" and not may_wait:
            raise BlockingIOError
        return Outcome("done")

    work_through(cohort, work, tmp_path)
    assert seen == [("a", False), ("b", False), ("c", False), ("a", True)]
