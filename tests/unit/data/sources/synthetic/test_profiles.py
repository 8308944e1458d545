"""Who lives in the tissue: types and genes that can be told apart."""

from past.data.sources.synthetic import profiles
from past.data.sources.synthetic.profiles import TYPES


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


def test_sizes_and_stains_are_those_of_the_types():
    """Each type beside the whole of its numbers: radius, …, counts, as the docstring of CellType names them."""
    numbers = {cell.name: [value for value in vars(cell).values() if isinstance(value, int | float)] for cell in TYPES}
    assert numbers == {
        "tumour": [4.9, 1.25, 0.09, 0.80, 0.45, 1.3, 0.45, 1.1, 9.5, 0.50, 0.22, 420],
        "fibroblast": [3.5, 3.6, 0.05, 0.95, 0.25, 0.9, 0.15, 0.0, 6.0, 0.42, 0.02, 220],
        "lymphocyte": [3.0, 1.08, 0.03, 1.45, 0.30, 1.0, 0.0, 0.0, 4.0, 0.22, 0.18, 150],
        "plasma cell": [3.2, 1.12, 0.03, 1.25, 0.50, 1.2, 0.1, 0.0, 6.5, 0.40, 0.40, 300],
        "macrophage": [4.1, 1.5, 0.10, 0.70, 0.30, 1.0, 0.35, 0.6, 8.5, 0.32, 0.06, 330],
        "endothelium": [3.0, 3.9, 0.05, 1.05, 0.25, 0.8, 0.05, 0.0, 4.5, 0.48, 0.02, 230],
        "glandular epithelium": [3.7, 1.7, 0.04, 1.05, 0.30, 1.0, 0.15, 0.5, 8.5, 0.40, 0.14, 350],
    }
