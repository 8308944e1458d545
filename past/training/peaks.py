"""Peak rates of GPUs: dense bfloat16 operations/s with a multiply-add as two, from the makers' data sheets.

Beside them the rule by which a training's operations are counted.
"""

import re
from typing import Final

BACKWARD: Final = 3  # operations of forward and backward over those of forward alone
PEAKS: Final = {  # part of the name that the driver gives → operations/s; float16 where there is no bfloat16
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
