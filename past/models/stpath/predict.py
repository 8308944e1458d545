"""Expression of a slide's spots from image features, by STPath: zero-shot, or in context of measured spots."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from anndata import AnnData

from past.base.errors import CheckpointError, ConfigError, DataError
from past.base.files import require_free
from past.base.h5ad import sha256_of
from past.base.joins import Rows
from past.base.keys import Keys
from past.checkpoints.saved import WEIGHTS, Saved
from past.models import load_model
from past.models.stpath.batch import SlideBatch
from past.models.stpath.context import Context, Told, read_context
from past.models.stpath.generate import dropout_states, generate, predicted
from past.models.stpath.model import STPath
from past.models.stpath.published import import_stpath
from past.models.stpath.samples.masking import scale_coords, tell
from past.models.stpath.slide_file import RowsOfValues, in_memory, on_disk
from past.models.stpath.slide_input import check_slide
from past.models.stpath.vocabulary import RESERVED, GeneVocabulary, organ_token, technology_token
from past.slides.encoder_files import checkpoint_in

STD = "std"


class Predictor:
    """STPath with its gene vocabulary, ready to predict.

    Args:
        saved: the model, and its vocabulary under `tokenizer`.
        weights: the file its weights came from; named with its SHA-256 in every prediction.
    """

    def __init__(self, saved: Saved, weights: Path) -> None:
        if not isinstance(saved.model, STPath):
            raise CheckpointError(f"{weights}: holds a {type(saved.model).__name__}, not STPath; give STPath's weights")
        self.model = saved.model.eval()
        self.genes = GeneVocabulary.from_state(saved.tokenizer)
        self.encoder = str(saved.crops["encoder"]) if "encoder" in saved.crops else None
        self.made_with = {"weights": str(weights), "weights_sha256": sha256_of(weights)}

    @torch.no_grad()
    def predict(
        self,
        features: np.ndarray,
        coords: np.ndarray,
        *,
        organ: str | None = None,
        technology: str | None = None,
        genes: Sequence[str] | None = None,
        context: Context | None = None,
        steps: int = 1,
        samples: int = 1,
        chunk: int | None = None,
        names: Sequence[str] | None = None,
        about: AnnData | None = None,
        out: Path | None = None,
        seed: int = 0,
    ) -> AnnData:
        """Predict log1p expression; the caller's arrays are left as they are.

        Args:
            features: (N, F) image features of the spots.
            coords: (N, 2) x, y in any unit.
            organ: STPath's name of it, any case; None: Others.
            technology: STPath's name of it; None: not told.
            genes: symbols or ids; None: all of the vocabulary.
            context: measured spots' raw counts: an AnnData found by its names, else by its `obsm['spatial']`; or
                (rows, AnnData).
            steps: passes; above 1 the surest predictions of each are told in the next.
            samples: above 1, passes under dropout, whose standard deviation becomes `layers['std']`.
            chunk: query spots at a time in attention; None chooses.
            names: the spots' names; None: their row numbers.
            about: the spots: its `obs` and `uns` go with the prediction, and what it says of the genes that are asked
                for, `var` and `layers`.
            out: an h5ad file to write block by block in place of holding all of it in memory; must not exist.
            seed: of dropout.

        Returns:
            `X` (N, G) float32, `obsm['spatial']` the coordinates given, `uns['past']` how it was made.

        Raises:
            ConfigError: `out` exists.
            DataError: names what in the arguments cannot be used, and what would be.
            NoSpaceError: the disk is full.
        """
        if out is not None:
            require_free(out)
        features, coords = np.asarray(features), np.asarray(coords)
        check_slide(features, coords, self.model.width, self.encoder)
        if steps < 1 or samples < 1:
            raise ConfigError(f"steps={steps}, samples={samples}: both count passes; use 1 or more")
        asked = self.asked(genes)
        told = self._told(context, Rows("the features", names, coords))
        self.model.chunk = chunk
        slide = self._slide(features, coords, organ, technology, told)
        hidden = generate(self.model, slide, told.expression, told.spots, asked, steps)
        drawn = dropout_states(self.model, slide, samples, seed) if samples > 1 else []
        made = self._origin(told, features.shape[1], organ, technology, steps=steps, samples=samples, seed=seed)
        adata = self._adata(coords, names, about, self._describe(asked, genes), made)
        blocks = self._blocks(hidden, drawn, asked)
        return in_memory(adata, blocks) if out is None else on_disk(out, adata, blocks)

    def asked(self, genes: Sequence[str] | None) -> np.ndarray:
        """Return the tokens of genes by their names; None: of all.

        Raises:
            DataError: some are not known.
        """
        return np.arange(RESERVED, self.genes.tokens) if genes is None else self.genes.encode(genes)

    def require_encoder(self, name: str) -> None:
        """Raise DataError where the weights were trained on features of another encoder than the one named."""
        if self.encoder is not None and _word(name) != _word(self.encoder):
            raise DataError(
                f"--encoder {name}: the weights {self.made_with['weights']} read features of {self.encoder}: give that "
                "encoder, or weights that were trained on this one's features"
            )

    def _adata(
        self, coords: np.ndarray, names: Sequence[str] | None, about: AnnData | None, var: pd.DataFrame, made: dict
    ) -> AnnData:
        """Return the prediction without its values."""
        if about is None:
            adata = AnnData(obs=_spots(len(coords), names), var=var, uns={Keys.PAST: made})
        else:
            told = {str(column): np.asarray(about.var[column]) for column in pd.DataFrame(about.var)}
            uns = {**about.uns, Keys.PAST: made}
            adata = AnnData(obs=pd.DataFrame(about.obs), var=var.assign(**told), uns=uns, layers=dict(about.layers))
        adata.obsm[Keys.SPATIAL] = coords.copy()
        return adata

    def _told(self, context: Context | None, spots: Rows) -> Told:
        if context is None:
            return Told.nothing(len(np.asarray(spots.places)), self.genes.tokens)
        return read_context(context, spots, self.genes)

    def _origin(
        self, told: Told, width: int, organ: str | None, technology: str | None, **passes: int
    ) -> dict[str, object]:
        spots, how = len(told.spots), "zero-shot"
        if spots:
            how = f"in context of {spots:,} measured spots, told {told.genes:,} of their {told.of_genes:,} genes"
        return {
            "method": f"STPath, {how}",
            "context_spots": spots,
            "context_genes": told.genes,
            "context_genes_not_known": told.of_genes - told.genes,
            "encoder": self.encoder or f"unknown, {width} wide",
            "organ": organ or "Others",
            "technology": technology or "not told",
            **passes,
            **self.made_with,
        }

    def _slide(
        self,
        features: np.ndarray,
        coords: np.ndarray,
        organ: str | None,
        technology: str | None,
        told: Told,
    ) -> SlideBatch:
        device, spots = self.model.head.bias.device, len(coords)
        slide = SlideBatch(
            features=torch.from_numpy(np.require(features, requirements=["C", "W"])),  # copied where it is read-only
            coords=torch.from_numpy(scale_coords(coords)),
            lengths=(spots,),
            technology=torch.full((spots,), technology_token(technology)),
            organ=torch.full((spots,), organ_token(organ)),
            expression=tell(told.expression, np.setdiff1d(np.arange(spots), told.spots)),
        )
        return slide.to(device)

    def _describe(self, asked: np.ndarray, names: Sequence[str] | None) -> pd.DataFrame:
        ids = [self.genes.ids[token - RESERVED] for token in asked]
        return pd.DataFrame({"id": ids}, index=pd.Index(ids if names is None else names))

    def _blocks(self, hidden: torch.Tensor, drawn: list[torch.Tensor], asked: np.ndarray) -> Iterator[RowsOfValues]:
        for rows, (block, *others) in predicted(self.model.head, torch.stack([hidden, *drawn]), asked):
            values = {"X": block.cpu().numpy()}
            if others:
                values[STD] = torch.stack(others).std(0, correction=0).cpu().numpy()
            yield rows, values


def _word(encoder: str) -> str:
    """Return an encoder's name without its folder, its makers and its spelling: Prov-GigaPath is gigapath."""
    return re.sub("[^a-z0-9]", "", Path(encoder).name.lower()).removeprefix("prov")


def _spots(count: int, names: Sequence[str] | None) -> pd.DataFrame:
    return pd.DataFrame(index=pd.Index(map(str, range(count) if names is None else names)))


def weights_file(path: Path) -> Path:
    """Return the file of weights that a path means: of a run its best checkpoint, in another directory its own."""
    found = checkpoint_in(path)
    return found / WEIGHTS if found.is_dir() else found


def weights_sha256(path: Path) -> str:
    """Return the hash of the file of weights that a path means, without loading it.

    Raises:
        CheckpointError: no such weights.
    """
    file = weights_file(path)
    return sha256_of(file) if file.is_file() else load_stpath(path).made_with["weights_sha256"]


def load_stpath(path: str | Path, genes: str | Path | None = None, *, device: str | None = None) -> Predictor:
    """Load STPath for prediction.

    Args:
        path: a training run or a `.ckpt` of it, a directory of `past import stpath`, or the released `stfm.pth`.
        genes: the released `symbol2ensembl.json`; needed with the released file only.
        device: where to compute; None: the GPU where there is one.

    Raises:
        CheckpointError: not STPath's weights, or no vocabulary for them.
    """
    path = checkpoint_in(Path(path))
    if path.is_dir() or path.suffix == ".ckpt":
        saved = load_model(path)
    elif genes is None:
        raise CheckpointError(
            f"{path}: a released weights file numbers its genes only: give genes='symbol2ensembl.json'"
        )
    else:
        saved = import_stpath(path, Path(genes))
    saved.model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return Predictor(saved, weights_file(path))
