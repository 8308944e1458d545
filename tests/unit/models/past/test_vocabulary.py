from past.models.past.vocabulary import MODALITY, PADDING, RESERVED, SPECIES_TOKENS, TECHNOLOGY_TOKENS


def test_each_reserved_token_has_an_id_of_its_own_below_the_genes() -> None:
    ids = [PADDING, *MODALITY.values(), *SPECIES_TOKENS.values(), *TECHNOLOGY_TOKENS.values()]
    assert len(set(ids)) == len(ids)
    assert max(ids) < RESERVED


def test_nicheformers_ids_are_its_own() -> None:
    """As the published code numbers them; weights depend on it."""
    assert (PADDING, MODALITY["spatial"], SPECIES_TOKENS["Homo sapiens"]) == (1, 4, 5)
    assert [TECHNOLOGY_TOKENS[name] for name in ("MERFISH", "CosMx", "Xenium")] == [7, 8, 9]
