"""From a batch as it lies in the shards to one that a model takes: decode, orient, tokenise."""

from dataclasses import dataclass

import numpy as np
import torch

from past.data.images import decode
from past.data.stream import Faults, OnError, RawBatch
from past.data.tokens import Tokenizer
from past.data.transforms import Augmentation, orient, orient_positions
from past.errors import DataError
from past.types import CellBatch

PLAIN = Augmentation(turns=False, stain=0)


@dataclass(frozen=True)
class BatchMaker:
    """Makes batches; used in the loader's workers.

    Attributes:
        tokenizer: from counts to tokens.
        side: height and width of every crop, px; another size is an error.
        seed: of the run, for the augmentation.
        augmentation: what may change; its stain jitter is left to the device.
        on_error: what a crop that does not decode does: "raise", or "skip" it and count it.
    """

    tokenizer: Tokenizer
    side: int
    seed: int = 0
    augmentation: Augmentation = PLAIN
    on_error: OnError = "raise"

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[CellBatch, Faults]:
        """Return the batch, and what its samples' faults were, those of `raw` included.

        Raises:
            DataError: a crop is broken (`on_error="raise"`), or no sample of the batch is left.
        """
        orientations = self.augmentation.orientations([cell.key for cell in raw.cells], self.seed, epoch)
        crops = np.empty((len(raw.cells), 3, self.side, self.side), np.uint8)
        good: list[int] = []
        for i, cell in enumerate(raw.cells):
            try:
                crop = decode(cell.image, self.side).numpy()
            except DataError as error:
                named = DataError(f"{cell.shard}: sample {cell.key}: {error}")
                if self.on_error == "raise":
                    raise named from error
                raw.faults.add(cell.shard, named)
                continue
            crops[len(good)] = orient(crop, *orientations[i])
            good.append(i)
        if not good:
            raise DataError(f"batch {raw.number}: none of its samples can be read; the first: {raw.faults.first}")
        cells = self.augmentation.thin([raw.cells[i] for i in good], self.seed, epoch)
        sentences = self.tokenizer(cells)
        batch = CellBatch(
            crops=torch.from_numpy(crops[: len(good)]),
            tokens=torch.from_numpy(sentences.tokens),
            values=torch.from_numpy(sentences.values),
            valid=torch.from_numpy(sentences.valid),
            context_tokens=torch.from_numpy(sentences.context_tokens),
            positions=torch.from_numpy(orient_positions(sentences.positions, orientations[good])),
            keys=[cell.key for cell in cells],
            meta=[cell.meta for cell in cells],
        )
        return batch, raw.faults
