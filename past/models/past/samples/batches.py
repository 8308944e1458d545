"""From a batch as it lies in the shards to one that a model takes: decode and tokenise."""

from dataclasses import dataclass

import numpy as np
import torch

from past.base.errors import DataError
from past.base.stain import recolour
from past.data.shards.images import decode
from past.data.shards.reader import Faults, OnError
from past.data.shards.records import RawCell
from past.data.stream.stream import RawBatch
from past.models.past.batch import CellBatch
from past.models.past.samples.augmentation import Augmentation
from past.models.past.samples.centring import SectionMeans, centred
from past.models.past.samples.stain import StainTables
from past.models.past.samples.tokens import Tokenizer

PLAIN = Augmentation(turns=False, stain=0)


@dataclass(frozen=True)
class BatchMaker:
    """Makes batches; used in the loader's workers.

    Attributes:
        tokenizer: from counts to tokens.
        side: height and width of every crop, px; another size is an error.
        seed: of the run, for the augmentation.
        augmentation: what may change; of it, the counts here, the pixels on the device (see `Augmentation`).
        on_error: what a crop that does not decode does: "raise", or "skip" it and count it.
        stain: per section, what becomes of each value of each channel (see `stain_tables`); None: nothing.
        means: per section, what is taken from its cells' expression (see `section_means`); None: nothing.
    """

    tokenizer: Tokenizer
    side: int
    seed: int = 0
    augmentation: Augmentation = PLAIN
    on_error: OnError = "raise"
    stain: StainTables | None = None
    means: SectionMeans | None = None

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[CellBatch, Faults]:
        """Return the batch, and what its samples' faults were, those of `raw` included.

        Raises:
            DataError: a crop is broken (`on_error="raise"`), or no sample of the batch is left.
        """
        # rows of pixels, as decoders give them: a third of the time of copying into planes
        pixels = np.empty((len(raw.samples), self.side, self.side, 3), np.uint8)
        good: list[RawCell] = []
        for cell in raw.samples:
            try:
                pixels[len(good)] = decode(cell.image, self.side).permute(1, 2, 0).numpy()
                good.append(cell)
            except DataError as error:
                named = DataError(f"{cell.shard}: sample {cell.key}: {error}")
                if self.on_error == "raise":
                    raise named from error
                raw.faults.add(cell.shard, named)
        if not good:
            raise DataError(f"batch {raw.number}: none of its samples can be read; the first: {raw.faults.first}")
        if self.stain is not None:
            for crop, cell in zip(pixels, good, strict=False):
                recolour(crop, self.stain[str(cell.meta["section"])])
        cells = self.augmentation.thin(good, self.seed, epoch)
        sentences = self.tokenizer(cells)
        if self.means is not None:
            sentences = centred(sentences, np.stack([self.means[str(cell.meta["section"])] for cell in cells]))
        batch = CellBatch(
            crops=torch.from_numpy(pixels[: len(good)]).permute(0, 3, 1, 2),
            tokens=torch.from_numpy(sentences.tokens),
            values=torch.from_numpy(sentences.values),
            valid=torch.from_numpy(sentences.valid),
            context_tokens=torch.from_numpy(sentences.context_tokens),
            positions=torch.from_numpy(sentences.positions),
            keys=[cell.key for cell in cells],
            meta=[cell.meta for cell in cells],
            augment=None if self.augmentation == PLAIN else self.augmentation.drawn(self.seed, epoch),
        )
        return batch, raw.faults
