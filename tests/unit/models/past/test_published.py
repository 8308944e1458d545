import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from past.base.errors import CheckpointError, DataError
from past.base.genes import gene_hash, read_genes
from past.checkpoints.keymap import apply_keymap
from past.models.past.cell_encoder import CellEncoder
from past.models.past.model import PASTModel
from past.models.past.published import (
    NICHEFORMER_GENES,
    NICHEFORMER_HASH,
    PAST_RULES,
    import_nicheformer,
    import_past,
    import_uni,
    past_for,
)
from past.models.past.vocabulary import PADDING

Released = Callable[[str], dict[str, torch.Tensor]]
FUSIONS = ("Add", "WeightedAdd", "Gated", "Film", "Concat", "CrossAttention")
GENES = [f"ENSG{i}" for i in range(10)]


def sentences(length: int) -> torch.Tensor:
    tokens = torch.randint(30, 40, (4, length), generator=torch.Generator().manual_seed(0))
    tokens[1, length // 2 :] = PADDING
    return tokens


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_of_the_released_form_is_read(fusion: str, released: Released, tmp_path: Path) -> None:
    state = released(fusion)
    torch.save({"model": state, "epoch": 19}, tmp_path / "past.pth")
    saved = import_past(tmp_path / "past.pth")
    model = saved.model
    assert isinstance(model, PASTModel)
    assert type(model.fusion).__name__ == fusion
    assert not model.training
    assert model.temperature.item() == pytest.approx(0.05)
    assert saved.crops == {"mpp": "native", "px": 224}
    tokens = sentences(12).unsqueeze(1).repeat(1, 3, 1)
    with torch.no_grad():
        cells = model.encode_cell(
            tokens, torch.ones(tokens.shape), torch.ones(4, 3, dtype=torch.bool), torch.full((4, 3), 4)
        )
    torch.testing.assert_close(cells.norm(dim=1), torch.ones(4))


def test_the_towers_compute_what_the_programs_they_come_from_do(
    released: Released, uni: nn.Module, published_cell_encoder: nn.Module, tmp_path: Path
) -> None:
    torch.save({"model": released("Add")}, tmp_path / "past.pth")
    model = import_past(tmp_path / "past.pth").model
    assert isinstance(model, PASTModel)
    context_tokens, tokens = torch.full((4, 3), 5), sentences(12)
    published_sentence = torch.cat([context_tokens, tokens], dim=1)[:, :12]
    crops = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        ours = model.cell_encoder(tokens, torch.ones(tokens.shape), context_tokens)
        torch.testing.assert_close(ours, published_cell_encoder(published_sentence), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(model.image_encoder(crops), uni((crops - mean) / std))


def test_leftover_missing_and_reshaped_names_are_said(released: Released, tmp_path: Path) -> None:
    state = released("Gated")
    state["something.new"] = torch.zeros(1)
    del state["graph_encoder.norms.1.bias"]
    state["cell_projection.fc.weight"] = torch.zeros(3, 3)
    torch.save({"model": state}, tmp_path / "past.pth")
    with pytest.raises(CheckpointError) as error:
        import_past(tmp_path / "past.pth")
    for word in (
        "1 not known (something.new)",
        "1 missing (niche_encoder.norms.1.bias)",
        "cell_head.mix.weight (3, 3)",
    ):
        assert word in str(error.value)


def test_a_parameter_given_twice_is_not_overwritten(released: Released) -> None:
    state = released("Film")
    state["fusion_norm.weight"] = torch.zeros(32)
    fit = apply_keymap(state, past_for(state), PAST_RULES)
    assert fit.leftover == ["fusion_norm.weight"]


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_pickle_of_something_else_is_never_executed(tmp_path: Path) -> None:
    torch.save({"model": Payload(tmp_path / "executed")}, tmp_path / "past.pth")
    with pytest.raises(CheckpointError, match=r"past\.pth: .*could run code; it was not loaded"):
        import_past(tmp_path / "past.pth")
    assert not (tmp_path / "executed").exists()


def test_files_that_are_no_checkpoint_get_a_sentence(released: Released, tmp_path: Path) -> None:
    torch.save({"model": released("Add")}, tmp_path / "whole.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:5000])
    torch.save({"model": {"a": 1}}, tmp_path / "other.pth")
    torch.save([1], tmp_path / "list.pth")
    torch.save({"model": {"blocks.0.norm1.weight": torch.zeros(3)}}, tmp_path / "foreign.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"\x00" * 20)
    expected = {
        "none.pth": "no such weight file",
        "cut.pth": "damaged",
        "other.pth": "no state dict",
        "list.pth": "holds list",
        "foreign.pth": "another program",
        "cut.safetensors": "cut off",
    }
    for name, sentence in expected.items():
        with pytest.raises(CheckpointError, match=sentence):
            import_past(tmp_path / name)


def test_the_vocabulary_is_checked_and_kept(released: Released, tmp_path: Path) -> None:
    torch.save({"model": released("Add")}, tmp_path / "past.pth")
    saved = import_past(tmp_path / "past.pth", GENES, np.array([np.nan, *range(1, 10)]))
    saved.require_vocabulary(GENES)
    assert saved.tokenizer["technology_mean"] == {"Xenium": [0.0, *map(float, range(1, 10))]}
    assert (saved.tokenizer["context"], saved.tokenizer["neighbours"]) == (12, 8)
    other = GENES[::-1]
    with pytest.raises(CheckpointError, match=f"{gene_hash(GENES)}.*{gene_hash(other)}"):
        saved.require_vocabulary(other)
    with pytest.raises(CheckpointError, match=r"10 genes.*\(9"):
        import_past(tmp_path / "past.pth", GENES[:9])
    with pytest.raises(DataError, match="shape \\(3,\\)"):
        import_past(tmp_path / "past.pth", GENES, np.ones(3))
    with pytest.raises(CheckpointError, match="--genes"):
        import_past(tmp_path / "past.pth").require_vocabulary(GENES)


def test_another_list_of_the_published_length_is_refused_with_both_hashes(released: Released, tmp_path: Path) -> None:
    state = released("Add")
    state["cell_encoder.embeddings.weight"] = torch.randn(NICHEFORMER_GENES + 35, 32)
    torch.save({"model": state}, tmp_path / "past.pth")
    assert import_past(tmp_path / "past.pth").tokenizer == {"vocabulary_hash": NICHEFORMER_HASH}
    genes = [f"G{i}" for i in range(NICHEFORMER_GENES)]
    with pytest.raises(CheckpointError, match=f"{NICHEFORMER_HASH}.*{gene_hash(genes)}"):
        import_past(tmp_path / "past.pth", genes)


def test_the_published_vocabulary_has_the_hash_we_record(real_data: Path) -> None:
    genes = read_genes(real_data / "vocabulary" / "nicheformer_genes.h5ad")
    assert (len(genes), gene_hash(genes)) == (NICHEFORMER_GENES, NICHEFORMER_HASH)


def test_every_name_of_the_released_checkpoint_is_accounted_for_reference(reference: Path) -> None:
    shapes = json.loads((reference / "past_state_dict.json").read_text())
    with torch.device("meta"):
        state = {name: torch.empty(shape) for name, shape in shapes.items()}
        model = past_for(state)
    fit = apply_keymap(state, model, PAST_RULES).raise_if_incomplete("past_state_dict.json")
    assert len(shapes) == 534
    assert len(fit.unused) == 14
    assert all(name.startswith(("cell_encoder.encoder_layer.", "graph_encoder.distance_tr")) for name in fit.unused)
    assert len(fit.state) == 520
    assert type(model.fusion).__name__ == "CrossAttention"
    cell, image = model.cell_encoder.config, model.image_encoder.config
    assert (cell["heads"], cell["layers"], cell["context"], cell["feedforward"]) == (16, 12, 300, 1024)
    assert image["options"] == {
        "img_size": 224,
        "patch_size": 16,
        "embed_dim": 1024,
        "depth": 24,
        "num_heads": 16,
        "init_values": 1e-5,
        "dynamic_img_size": True,
    }


@pytest.mark.parametrize("prefix", ["", "nicheformer."])
def test_nicheformer_gives_the_same_features_as_its_own_program(
    prefix: str, nicheformer: nn.Module, tmp_path: Path
) -> None:
    state = {prefix + name: value for name, value in nicheformer.state_dict().items()}
    state |= {"classifier_head.weight": torch.zeros(40, 32), f"{prefix}pooler_head.bias": torch.zeros(32)}
    torch.save({"state_dict": state}, tmp_path / "nicheformer.ckpt")
    saved = import_nicheformer(tmp_path / "nicheformer.ckpt", GENES)
    saved.require_vocabulary(GENES)
    model = saved.model
    assert isinstance(model, CellEncoder)
    species, assay, modality = torch.tensor([5]), torch.tensor([9]), torch.tensor([4])
    tokens = torch.randint(30, 40, (1, 9))
    with torch.no_grad():
        ours = model(tokens, torch.ones(1, 9), torch.stack([modality, assay, species], dim=1))
        published = nicheformer(torch.cat([torch.stack([species, assay, modality], dim=1), tokens], dim=1))
    torch.testing.assert_close(ours, published, rtol=1e-4, atol=1e-4)  # their layer norms' epsilon is 1e-12, ours 1e-5


def test_uni_fills_an_image_encoder(uni: nn.Module, tmp_path: Path) -> None:
    torch.save(uni.state_dict(), tmp_path / "pytorch_model.bin")
    model = import_uni(tmp_path / "pytorch_model.bin").model
    for name, value in uni.state_dict().items():
        torch.testing.assert_close(model.state_dict()[f"model.{name}"], value, rtol=0, atol=0)
