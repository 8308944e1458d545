"""Peak rates of GPUs: dense bfloat16 operations/s with a multiply-add as two, from the makers' data sheets.

Not Lightning's `get_available_flops`: it answers for a GPU of this machine only, where `past plan --gpu NAME` asks by
name; knows no B200, A10, L40S or AMD; and takes the rates of half-empty (sparse) matrices, twice the dense ones, for
H200 and H100 NVL.
"""

import re
from typing import Final

BACKWARD: Final = 3  # a training step's operations over those of its forward pass: backward takes two such passes
PEAKS: Final = {  # words of the name that the driver gives → operations/s; of float16 where there is no bfloat16
    "B200": 2250e12,
    "GH200": 989e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100 NVL": 835e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L40": 181e12,
    "L4": 121e12,
    "A40": 150e12,
    "A10G": 70e12,
    "A10": 125e12,
    "V100": 125e12,
    "T4": 65e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
    "MI300X": 1307e12,
    "MI250X": 383e12,
}


def peak_of(name: str) -> float | None:
    """Return the peak of a GPU by the longest of the table's names that are whole words of its own; None: none is."""
    known = [part for part in PEAKS if re.search(rf"\b{part}\b", name)]
    return PEAKS[max(known, key=len)] if known else None
