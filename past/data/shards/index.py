"""`index.json`: what lies in a directory of shards, so that nobody has to open them to know."""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from past.base.errors import DataError
from past.base.genes import gene_hash

INDEX = "index.json"
VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_-]+\.tar")  # never a path: shards may come from anywhere
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shard:
    """One tar file: all its samples are of one section of one patient."""

    name: str
    samples: int
    bytes: int
    sha256: str
    section: str
    patients: tuple[str, ...]


@dataclass(frozen=True)
class ShardIndex:
    """The content of `index.json`; `root` is where it was read from (a directory or a URL), not stored."""

    genes: tuple[str, ...]
    shards: tuple[Shard, ...]
    settings: dict[str, object]
    sections: dict[str, dict[str, object]]
    root: str = ""

    @property
    def genes_hash(self) -> str:
        """Hash that names the gene list."""
        return gene_hash(self.genes)

    @property
    def samples(self) -> int:
        """Number of cells, or slides, over all shards."""
        return sum(shard.samples for shard in self.shards)

    @property
    def patients(self) -> tuple[str, ...]:
        """Patients, sorted."""
        return tuple(sorted({patient for shard in self.shards for patient in shard.patients}))

    def select(self, *, patients: Iterable[str] | None = None, sections: Iterable[str] | None = None) -> "ShardIndex":
        """Return the index of the shards of these patients and sections (None: all)."""
        patient_set = None if patients is None else set(patients)
        section_set = None if sections is None else set(sections)
        kept = tuple(
            shard
            for shard in self.shards
            if (patient_set is None or patient_set.issuperset(shard.patients))
            and (section_set is None or shard.section in section_set)
        )
        return replace(self, shards=kept)

    def to_json(self) -> str:
        """Return the file's text."""
        content = {
            "version": VERSION,
            "genes_hash": self.genes_hash,
            "genes": self.genes,
            "settings": self.settings,
            "sections": self.sections,
            "shards": [asdict(shard) for shard in self.shards],
        }
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    @staticmethod
    def from_json(text: str, root: str) -> "ShardIndex":
        """Parse the file's text.

        Raises:
            DataError: not JSON, another version, or a gene list that does not match its hash.
        """
        try:
            content = json.loads(text)
            if content["version"] != VERSION:
                raise DataError(
                    f"{root}/{INDEX}: version {content['version']}, this program reads {VERSION}: make the shards again"
                )
            index = ShardIndex(
                genes=_strings(content["genes"]),
                shards=tuple(_entry(shard, root) for shard in content["shards"]),
                settings=dict(content["settings"]),
                sections={name: dict(facts) for name, facts in dict(content["sections"]).items()},
                root=root,
            )
            if index.genes_hash != content["genes_hash"]:
                raise DataError(
                    f"{root}/{INDEX}: the gene list does not match its hash {content['genes_hash']}: "
                    "the file was changed by hand"
                )
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{root}/{INDEX}: not an index of shards ({type(error).__name__}: {error}), or the file was changed "
                f"by hand; run 'past shards merge {root}'"
            ) from error
        return index

    @staticmethod
    def read(root: str | Path) -> "ShardIndex":
        """Read `<root>/index.json` of a local directory."""
        path = Path(root) / INDEX
        if not path.is_file():
            raise DataError(
                f"{root}: no {INDEX} there; make shards with 'past shards' first, "
                f"or finish with 'past shards merge {root}'"
            )
        return ShardIndex.from_json(path.read_text(), str(root))


def _strings(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError(f"wanted a list of names, found {value!r:.80}")
    return tuple(value)


def _entry(content: dict[str, object], root: str) -> Shard:
    """Make a shard's entry of what JSON holds, which may be anything."""
    shard = Shard(**{**content, "patients": _strings(content["patients"])})  # type: ignore[arg-type]
    counts, texts = (shard.samples, shard.bytes), (shard.name, shard.sha256, shard.section)
    if not (
        all(type(count) is int and count >= 0 for count in counts)
        and all(isinstance(text, str) for text in texts)
        and _NAME.fullmatch(shard.name)
        and _SHA256.fullmatch(shard.sha256)
    ):
        raise DataError(f"{root}/{INDEX}: {shard.name!r:.80} is no shard's entry: the file was changed by hand")
    return shard
