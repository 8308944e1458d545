"""`index.json`: what lies in a directory of shards, so that nobody has to open them to know."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from past.base.errors import DataError
from past.base.genes import gene_hash
from past.base.text.reading import json_of, read_text
from past.data.shards.entries import Shard, require_genes, require_sections, require_settings, shard_of

INDEX: Final = "index.json"
VERSION: Final = 1
INDEX_BYTES: Final = 64 << 20  # at most: a quarter of a million shards


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
    def from_json(text: str | bytes, root: str) -> "ShardIndex":
        """Parse the file's text, and check all that a training relies on.

        Args:
            text: of the file, or its bytes.
            root: where it was read from.

        Raises:
            DataError: not JSON, another version, or what no writer of shards would write; the message names it.
        """
        cure = f"not an index of shards, or the file was changed by hand; run 'past shards merge {root}'"
        content = json_of(text, f"{root}/{INDEX}", cure)
        try:
            version = content["version"]
            if version != VERSION:
                raise DataError(f"version {version!r:.20}, this program reads {VERSION}: make the shards again")
            index = ShardIndex(
                genes=require_genes(content["genes"], content["genes_hash"]),
                shards=tuple(map(shard_of, content["shards"])),
                settings=require_settings(content["settings"]),
                sections=require_sections(content["sections"]),
                root=root,
            )
            for shard in index.shards:
                if shard.section not in index.sections:
                    raise TypeError(f"{shard.name} is of section {shard.section!r:.80}, and its sections name no such")
        except DataError as error:
            raise DataError(f"{root}/{INDEX}: {error}") from error
        except KeyError as error:
            raise DataError(f"{root}/{INDEX}: it has no {error!s:.80}: {cure}") from error
        except (ValueError, TypeError) as error:
            raise DataError(f"{root}/{INDEX}: {error}: {cure}") from error
        return index

    @staticmethod
    def read(root: str | Path) -> "ShardIndex":
        """Read `<root>/index.json` of a local directory."""
        path = Path(root) / INDEX
        cure = f"make shards with 'past shards' first, or finish with 'past shards merge {root}'"
        if not path.is_file():
            raise DataError(f"{root}: no {INDEX} there; {cure}")
        return ShardIndex.from_json(read_text(path, cure, INDEX_BYTES), str(root))
