"""Everything that travels, by name."""

from typing import Final

from fuzz.case import Format
from fuzz.formats import images, matrices, models, runs, shards, tables

FORMATS: Final[dict[str, Format]] = {
    **shards.FORMATS,
    **tables.FORMATS,
    **images.FORMATS,
    **matrices.FORMATS,
    **models.FORMATS,
    **runs.FORMATS,
}
