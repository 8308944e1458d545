"""Random choices that a seed decides, and the values that break readers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")
WORDS = (
    "", " ", "../../outside/private", "/etc/passwd", "a/b", "nan", "inf", "-1", "None", "true", "\x00", "\x1b[31mred",
    "line\nbreak", "\u202eright to left", "é" * 40, "\ud800", "=cmd()", "%s%n", "${oc.env:HOME}", "x" * 100_000,
    "http://127.0.0.1:9/x", "s3://bucket/key", "file:///etc/passwd", "\\\\server\\share", "<script>", "S0", "0x10",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 3, 7, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, -(2**31), 2**32 - 1, 2**32, 2**40, 2**53 + 1,
    2**63 - 1, 2**63, -(2**63), 2**64, 10**30, 10**400, 0.5, -0.0, 1e-320, 1e300, -1e300,
    float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
INTEGERS = tuple(n for n in NUMBERS if isinstance(n, int) and -(2**63) <= n < 2**63)


class Dice:
    """A generator of choices.

    Args:
        seed: what decides them.
        outside: a folder that no input may reach.
    """

    def __init__(self, seed: Sequence[int], outside: Path) -> None:
        self.rng = np.random.default_rng(list(seed))
        self.outside = outside

    def below(self, end: int) -> int:
        """A whole number from 0 to below `end`; 0 where there is none."""
        return int(self.rng.integers(end)) if end > 0 else 0

    def chance(self, share: float) -> bool:
        """True in that share of the cases."""
        return bool(self.rng.random() < share)

    def of(self, values: Sequence[T]) -> T:
        """One of them."""
        return values[self.below(len(values))]

    def word(self) -> str:
        """A text, often one that names a file outside."""
        private = [str(path) for path in sorted(self.outside.iterdir())]
        return self.of([*WORDS, *private, *(f"../outside/{Path(path).name}" for path in private)])

    def integer(self) -> int:
        """A whole number that fits in 64 bits."""
        return self.of(INTEGERS)

    def value(self, depth: int = 2) -> Any:
        """Anything that JSON can hold."""
        kind = self.below(7 if depth else 5)
        if kind == 0:
            return self.word()
        if kind in (1, 2):
            return self.of(NUMBERS)
        if kind in (3, 4):
            return self.of([None, True, False, [], {}])
        if kind == 5:
            return [self.value(depth - 1) for _ in range(self.below(4))]
        return {self.word(): self.value(depth - 1) for _ in range(self.below(4))}
