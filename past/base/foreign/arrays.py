"""Tables and arrays in packed files (Parquet, npz): what they claim to become is held against the memory first."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from past.base.errors import reading
from past.base.foreign.memory import require_memory

if TYPE_CHECKING:
    import pandas as pd


def read_parquet(path: Path, fault: str, cure: str) -> "pd.DataFrame":
    """Read a Parquet file.

    Raises:
        DataError: missing, damaged, or larger than the memory; names the file with `fault` and `cure`.
    """
    import pandas as pd
    from pyarrow import parquet

    with reading(path, fault, cure):
        about = parquet.read_metadata(path)  # equal values pack well, so the rows are what counts: 8 bytes a cell
        require_memory(8 * about.num_rows * about.num_columns, f"{path}: its {about.num_rows:,} rows", cure)
        return pd.read_parquet(path)


def read_npz(path: Path, fault: str, cure: str) -> dict[str, np.ndarray]:
    """Read all arrays of an npz file, none of which may be an object that runs code.

    Raises:
        DataError: missing, damaged, or larger than the memory; names the file with `fault` and `cure`.
    """
    with reading(path, fault, cure):
        with zipfile.ZipFile(path) as packed:
            require_memory(sum(member.file_size for member in packed.infolist()), f"{path}: what it unpacks to", cure)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
