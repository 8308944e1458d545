"""A slide of coloured squares, and a tiny PAST trained for a moment on cells of such colours."""

from pathlib import Path

import numpy as np
from PIL import Image
from planted import Slice, write_planted
from tiny_past import fit_tiny, planted_data, tiny_module, tiny_trainer

from past.checkpoints.saved import Saved, save_model
from past.data.stream.datamodule import DataModule


def trained_tiny(root: Path) -> tuple[DataModule, Saved]:
    """Return data of three patients, C to validate on, and the model; it is kept in `root/past` too."""
    write_planted(root / "set", [Slice("S0", "A", 60), Slice("S1", "B", 60), Slice("S2", "C", 40)])
    data = planted_data(root / "set")
    data.setup("fit")
    module = tiny_module()
    module.fit_parts(data.samples.for_fitting())
    fit_tiny(tiny_trainer(root, max_epochs=30), module, data)
    trained_on = {"patients": ["A", "B"], "sections": ["S0", "S1"]}
    saved = Saved(
        module.model.eval(), data.samples.tokenizer.state(), dict(data.samples.crops), "tiny", trained_on
    )  # fmt: skip
    save_model(root / "past", saved)
    return data, saved


def coloured_slide(path: Path, squares: int = 5) -> np.ndarray:
    """Write squares of 32 px in the cells' colours, the last one white; return their centres (n, 2)."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(20, 70, (squares, squares, 1, 1, 3)).repeat(32, axis=2).repeat(32, axis=3)
    pixels[-1, -1] = 255
    image = pixels.transpose(0, 2, 1, 3, 4).reshape(squares * 32, squares * 32, 3)
    Image.fromarray(image.astype(np.uint8)).save(path)
    centres = (np.arange(squares) + 0.5) * 32
    return np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
