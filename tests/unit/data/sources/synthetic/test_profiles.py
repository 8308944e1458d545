"""Who lives in the tissue: types and genes that can be told apart."""

from past.data.sources.synthetic import profiles


def test_each_gene_is_there_once_and_found_at_its_position():
    assert len(profiles.GENES) == len(set(profiles.GENES)) == 204
    assert profiles.positions_of(("EPCAM", "KRT8")).tolist() == [0, 1]
    assert [profiles.GENES[i] for i in profiles.positions_of(("CD3E", "VIM"))] == ["CD3E", "VIM"]


def test_types_are_named_in_the_order_of_their_numbers():
    assert profiles.NAMES[profiles.TUMOUR] == "tumour"
    assert profiles.NAMES[profiles.LYMPHOCYTE] == "lymphocyte"
    assert profiles.NAMES[profiles.GLAND] == "glandular epithelium"


def test_no_gene_marks_two_types_or_a_type_and_a_programme():
    groups = [cell.markers for cell in profiles.TYPES]
    groups += [profiles.GROWTH, profiles.STARVATION, profiles.INFLAMMATION, profiles.INVASION, profiles.HOUSEKEEPING]
    genes = [gene for group in groups for gene in group]
    assert len(genes) == len(set(genes))
