"""STPath's released `stfm.pth` (a plain state dict) to our names and back, every name accounted for."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch

from past.base.errors import CheckpointError
from past.base.files import atomic_file, atomic_path, require_free, write_atomically
from past.checkpoints.keymap import Rule, apply_keymap
from past.checkpoints.saved import Saved
from past.models.stpath.model import STPath
from past.models.stpath.vocabulary import GeneVocabulary
from past.nn.released_weights import read_released

ENCODER = "Prov-GigaPath"  # whose features the released weights read
WEIGHTS_FILE, GENES_FILE = "stfm.pth", "symbol2ensembl.json"
TABLE = "expression.table.weight"  # transposed: ours has one row per gene, so that a call touches only those it needs
PAIRS = (  # how names begin: (published, ours); `*` is a block's number
    ("input_encoder.image_embed", "image"),
    ("input_encoder.gene_embed.weight", TABLE),
    ("input_encoder.tech_embed", "technology"),
    ("input_encoder.organ_embed", "organ"),
    ("model.blks.*.attn.layernorm_qkv.0", "blocks.*.attention.norm"),
    ("model.blks.*.attn.layernorm_qkv.1", "blocks.*.attention.qkv"),
    ("model.blks.*.attn.W_output.0", "blocks.*.attention.out"),
    ("model.blks.*.attn.edge_bias.0", "blocks.*.attention.edge"),
    ("model.blks.*.mlp.fc1", "blocks.*.mlp.0"),
    ("model.blks.*.mlp.norm", "blocks.*.mlp.3"),
    ("model.blks.*.mlp.fc2", "blocks.*.mlp.4"),
    ("gene_exp_head.0", "head.norm"),
    ("gene_exp_head.1.weight", "head.table.weight"),
    ("gene_exp_head.1.bias", "head.bias"),
)


def _rule(before: str, after: str) -> Rule:
    blocks = before.count("*")
    pattern = re.escape(before).replace(r"\*", r"(\d+)") + r"(|\..*)"
    return pattern, after.replace("*", r"\1") + rf"\{blocks + 1}"


TO_OURS = tuple(_rule(published, ours) for published, ours in PAIRS)
TO_PUBLISHED = tuple(_rule(ours, published) for published, ours in PAIRS)


def rename(name: str, rules: tuple[Rule, ...]) -> str:
    """Return the other program's name of a parameter, or `name` where no rule speaks of it."""
    matched = ((re.fullmatch(pattern, name), other) for pattern, other in rules)
    return next((match.expand(other) for match, other in matched if match and other), name)


def published_sizes(state: Mapping[str, torch.Tensor], source: str) -> dict[str, object]:
    """Return STPath's arguments as the shapes of a published state dict tell them.

    Raises:
        CheckpointError: a name that tells a size is missing: not STPath's weights.
    """
    try:
        dim, features = state["input_encoder.image_embed.weight"].shape
        return {
            "tokens": len(state["gene_exp_head.1.weight"]),
            "features": features,
            "dim": dim,
            "depth": len({name.split(".")[2] for name in state if name.startswith("model.blks.")}),
            "heads": len(state["model.blks.0.attn.edge_bias.0.weight"]),
            "mlp_ratio": len(state["model.blks.0.mlp.fc1.weight"]) / dim,
            "technologies": len(state["input_encoder.tech_embed.weight"]),
            "organs": len(state["input_encoder.organ_embed.weight"]),
        }
    except (KeyError, ValueError) as error:
        raise CheckpointError(
            f"{source}: not STPath's weights ({error} is missing); give its released stfm.pth"
        ) from error


def from_published(state: Mapping[str, torch.Tensor], source: str) -> STPath:
    """Return STPath with the weights of a published state dict.

    Raises:
        CheckpointError: a name is left over, missing or of another shape.
    """
    with torch.device("meta"):
        model = STPath(**published_sizes(state, source))  # type: ignore[arg-type]
    flipped = {name: tensor.T if rename(name, TO_OURS) == TABLE else tensor for name, tensor in state.items()}
    fit = apply_keymap(flipped, model, TO_OURS).raise_if_incomplete(source)
    model.load_state_dict({name: tensor.contiguous() for name, tensor in fit.state.items()}, assign=True)
    return model


def to_published(model: STPath) -> dict[str, torch.Tensor]:
    """Return the weights under their published names and layouts: what `from_published` reads."""
    own = model.state_dict()
    return {rename(name, TO_PUBLISHED): (own[name].T if name == TABLE else own[name]).contiguous() for name in own}


def import_stpath(path: Path, genes: Path) -> Saved:
    """Read a released weights file with the gene list that is published beside it.

    Raises:
        CheckpointError: not STPath's weights, more than tensors in the file, or a gene list of another size.
        DataError: the gene list cannot be read.
    """
    model = from_published(read_released(path), str(path))
    vocabulary = GeneVocabulary.read(genes)
    if vocabulary.tokens != len(model.head.bias):
        raise CheckpointError(
            f"{genes}: {vocabulary.tokens:,} tokens ({len(vocabulary.ids):,} ids and two), but {path} has "
            f"{len(model.head.bias):,}: give the symbol2ensembl.json of these weights"
        )
    return Saved(model, vocabulary.state(), {"encoder": ENCODER}, path.name)


def export_stpath(saved: Saved, out: Path) -> None:
    """Write `stfm.pth` and `symbol2ensembl.json` as released into a new directory.

    Raises:
        CheckpointError: not STPath.
        ConfigError: `out` exists; it is left as it is.
    """
    if not isinstance(saved.model, STPath):
        raise CheckpointError(
            f"{saved.source}: holds a {type(saved.model).__name__}, not STPath; export STPath's weights"
        )
    require_free(out)
    with atomic_path(out) as part:
        write_atomically(part / GENES_FILE, json.dumps(GeneVocabulary.from_state(saved.tokenizer).symbols) + "\n")
        with atomic_file(part / WEIGHTS_FILE) as file:
            torch.save(to_published(saved.model), file)
