"""Markers and their genes."""

from pathlib import Path

import pytest

from past.base.errors import DataError
from past.ihc.markers import columns_of, read_markers

GENES = ("KRT8", "ERBB2", "ERBB3", "EPCAM")


def test_a_marker_is_its_genes() -> None:
    assert columns_of("HER2", GENES).tolist() == [1]
    assert columns_of("her2", GENES).tolist() == [1]
    assert columns_of("keratin", GENES).tolist() == [3, 0]
    assert columns_of("ERBB3", GENES).tolist() == [2]


def test_a_gene_that_the_panel_lacks_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match=r"ESR1 is not in the panel of 4 genes; .*markers that it has: HER2, EpCAM"):
        columns_of("ER", GENES)
    with pytest.raises(DataError, match="the nearest there are ERBB"):
        columns_of("ERBB4", GENES)


def test_users_add_rows(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("marker,gene\nHER3,ERBB3\nCD3,CD3D\nCD3,CD3G\n")
    known = read_markers(tmp_path / "m.csv")
    assert columns_of("HER3", GENES, known).tolist() == [2]
    assert known["CD3"] == ("CD3D", "CD3G")
    assert known["HER2"] == ("ERBB2",)
    (tmp_path / "m.csv").write_text("name\nHER3\n")
    with pytest.raises(DataError, match="no column marker, gene"):
        read_markers(tmp_path / "m.csv")
