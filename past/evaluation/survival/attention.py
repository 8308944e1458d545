"""Where a model looked: the tiles of some patients, with their places and their shares of attention."""

import numpy as np
import pandas as pd

from past.models.survival.predict import Predicted
from past.models.survival.samples.bags import BagSamples
from past.slides.features import read_feature_file

COLUMNS = ("case_id", "slide", "risk", "x", "y", "attention")


def patients_to_show(predicted: Predicted, number: int) -> list[int]:
    """Return rows of the `number` patients of the highest and of the lowest risk that have slides."""
    there = [row for row in np.argsort(-predicted.risk) if predicted.names[row] in predicted.attention]
    return list(dict.fromkeys([*there[:number], *there[max(len(there) - number, 0) :]])) if number else []


def attention_table(samples: BagSamples, predicted: Predicted, rows: list[int]) -> pd.DataFrame:
    """Return a row a tile of these patients: its centre in pixels of level 0, its share of the patient's attention."""
    tables = []
    for row in rows:
        name, start = predicted.names[row], 0
        for path in samples.files[name]:
            coords = read_feature_file(path).coords
            share = predicted.attention[name][start : start + len(coords)]
            start += len(coords)
            own = {"case_id": name, "slide": path.stem, "risk": predicted.risk[row]}
            tables.append(pd.DataFrame(own | {"x": coords[:, 0], "y": coords[:, 1], "attention": share}))
    return pd.concat(tables) if tables else pd.DataFrame(columns=pd.Index(COLUMNS))
