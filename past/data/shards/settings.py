"""A set of shards in the making: its settings, and how far each of its sections is.

In the directory, `settings.json` holds the set's settings and gene list (made once, by whichever writer comes first),
`sections/<section>.json` how far each section is, and `index.json` what lies there, once every section is complete.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from past.base.errors import ConfigError, DataError, reading
from past.base.files import create_once, write_atomically
from past.base.genes import gene_hash
from past.base.keys import Members
from past.base.text.reading import read_json
from past.data.shards.cell_format import safe_name
from past.data.shards.entries import MOST_SAMPLES, Shard, require_settings, shard_of
from past.data.shards.index import INDEX

SETTINGS = "settings.json"
SECTIONS = "sections"
LONGEST_NAME = 80  # of a section: its keys must fit the 100 bytes of a tar header


@dataclass(frozen=True)
class ShardSettings:
    """How all cells of a set are cut and stored.

    Attributes:
        source: the kind of source, a word.
        px: side of the crops.
        mpp: their µm/px; None: each image's own.
        neighbours: nearest cells stored with each cell.
        image_format: `jpg`, `webp` or `png`.
        cells_per_shard: samples of a full shard.
        benchmark: whether sections of HEST-Bench's patients were let in: "refused" or "allowed".
    """

    source: str
    px: int = 224
    mpp: float | None = 0.5
    neighbours: int = 8
    image_format: str = "jpg"
    cells_per_shard: int = 2_000
    benchmark: str = "refused"

    def __post_init__(self) -> None:
        if self.px < 1 or self.neighbours < 0 or self.cells_per_shard < 1 or (self.mpp is not None and self.mpp <= 0):
            raise ConfigError(f"{self}: px, mpp and cells_per_shard must be above 0, neighbours 0 or more")
        if self.cells_per_shard > MOST_SAMPLES:
            raise ConfigError(f"cells_per_shard={self.cells_per_shard}: a shard holds {MOST_SAMPLES:,} at most")
        if self.image_format not in Members.IMAGES:
            raise ConfigError(f"image format {self.image_format!r}: use one of {', '.join(Members.IMAGES)}")


@dataclass(frozen=True, kw_only=True)
class SlideSettings(ShardSettings):
    """How all slides of a set are made: their spots' crops are cut as cells are, and encoded in place of stored.

    Attributes:
        neighbours: none; a slide holds all its spots.
        cells_per_shard: a shard is one slide.
        encoder: name of the image encoder.
        fingerprint: hash of the encoder's weights and transform.
        width: of its features.
        normalise_stain: whether each section's crops were brought to one mean and spread of optical density.
    """

    neighbours: int = 0
    cells_per_shard: int = 1
    encoder: str
    fingerprint: str
    width: int
    normalise_stain: bool = False


@dataclass(frozen=True)
class SectionProgress:
    """The content of `sections/<section>.json`.

    Attributes:
        name: the section's name.
        complete: whether all its cells lie in `shards`.
        origin: what it is made from; empty until its first shard is begun.
        settings: the set's, when it was written.
        genes_hash: the gene list's, when it was written.
        facts: its entry in the index.
        shards: its finished shards, in order.
    """

    name: str
    complete: bool = False
    origin: dict[str, object] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)
    genes_hash: str = ""
    facts: dict[str, object] = field(default_factory=dict)
    shards: tuple[Shard, ...] = ()

    def to_json(self) -> str:
        """Return the file's text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n"

    @staticmethod
    def path(root: Path, name: str) -> Path:
        """Return where the progress of the section of this name lies."""
        return root / SECTIONS / f"{safe_name(name)}.json"

    @staticmethod
    def read(path: Path) -> "SectionProgress":
        """Read the file.

        Raises:
            DataError: it cannot be read as one.
        """
        content = read_json(path, "remove it and write the section again")
        try:
            shards = tuple(map(shard_of, content.pop("shards")))
            progress = SectionProgress(**content, shards=shards)
            if not isinstance(progress.name, str) or not isinstance(progress.facts, dict):
                raise TypeError(f"its name is {progress.name!r:.40}")
            return progress
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path}: not a section's progress ({error}); remove it and write the section again"
            ) from error

    def save(self, root: Path) -> None:
        """Replace the file."""
        write_atomically(self.path(root, self.name), self.to_json())


def check_names(names: Sequence[str]) -> None:
    """Raise DataError where two sections would have one file name, or a name is too long for a key."""
    seen: dict[str, str] = {}
    for name in names:
        if len(safe_name(name)) > LONGEST_NAME:
            raise DataError(f"section {name!r}: its name has {len(name)} letters, {LONGEST_NAME} fit: rename its file")
        if safe_name(name) in seen:
            raise DataError(f"two sections are called {seen[safe_name(name)]!r} and {name!r}: rename one of the files")
        seen[safe_name(name)] = name


def check_settings(root: Path, settings: ShardSettings, genes: Sequence[str]) -> None:
    """Raise DataError where `root` holds shards that were made otherwise; touches nothing."""
    path = root / SETTINGS
    if not path.is_file():
        if any(root.glob("*.tar")) or (root / INDEX).exists():
            raise DataError(
                f"{root}: holds shards but no {SETTINGS}, so they are of another program: use another --out"
            )
        return
    there, wanted = read_settings(root), asdict(settings)
    for name, value in wanted.items():
        if there["settings"].get(name) != value:
            raise DataError(
                f"{root}: holds shards of {name} {there['settings'].get(name)}, these would be of {value}: "
                "use the same settings, or another --out"
            )
    if there["genes"] != list(genes):
        raise DataError(
            f"{root}: holds shards of another gene list ({len(there['genes'])} names, this one has {len(genes)}): "
            f"add sections with --genes {path}, or use another --out"
        )


def claim_settings(root: Path, settings: ShardSettings, genes: Sequence[str]) -> None:
    """Make the set's settings and gene list, unless another writer was faster; then they must be the same."""
    content = {"settings": asdict(settings), "genes_hash": gene_hash(genes), "genes": list(genes)}
    if not create_once(root / SETTINGS, json.dumps(content, indent=1, ensure_ascii=False) + "\n"):
        check_settings(root, settings, genes)


def read_settings(root: Path) -> dict[str, Any]:
    """Read `settings.json`: {"settings": {…}, "genes_hash": …, "genes": […]}.

    Raises:
        DataError: it is missing or cannot be read.
    """
    path = root / SETTINGS
    if not path.is_file():
        raise DataError(f"{root}: no {SETTINGS} there, so no shards were written to it: use 'past shards' first")
    content = read_json(path, "restore it, or write to another --out")
    with reading(path, "cannot be read", "restore it, or write to another --out"):
        if content["genes_hash"] != gene_hash(content["genes"]):
            raise DataError(f"{path}: the gene list does not match its hash: the file was changed by hand")
        require_settings(content["settings"])
        return content


def read_progress(root: Path) -> list[SectionProgress]:
    """Return every section's progress, sorted by name."""
    return sorted(map(SectionProgress.read, (root / SECTIONS).glob("*.json")), key=lambda progress: progress.name)
