"""Joining the sections that many writers made into one index, and proving that nothing is there twice."""

from collections import defaultdict
from pathlib import Path

from past.base.errors import DataError
from past.base.files import write_atomically
from past.data.shards.index import INDEX, ShardIndex
from past.data.shards.settings import SECTIONS, SectionProgress, read_progress, read_settings


def merge(root: Path) -> ShardIndex:
    """Write `index.json` of all sections of `root`, sections in the order of their names.

    Raises:
        DataError: no sections, one that is not complete, one of other settings or genes, a shard that is missing or has
            another size, or a section, source or shard that is there twice.
    """
    content = read_settings(root)
    sections = read_progress(root)
    _check(root, sections, content["settings"], content["genes_hash"])
    index = ShardIndex(
        genes=tuple(content["genes"]),
        shards=tuple(shard for section in sections for shard in section.shards),
        settings=content["settings"],
        sections={section.name: section.facts for section in sections},
        root=str(root),
    )
    write_atomically(root / INDEX, index.to_json())
    return index


def _check(root: Path, sections: list[SectionProgress], settings: dict[str, object], genes_hash: str) -> None:
    if not sections:
        raise DataError(f"{root}: no sections to join: write some with 'past shards' first")
    unfinished = [section.name for section in sections if not section.complete]
    if unfinished:
        raise DataError(
            f"{root}: {len(unfinished)} of {len(sections)} sections are not complete ({', '.join(unfinished[:5])}): "
            f"run their writer again, or remove their file from {root / SECTIONS} to leave them out"
        )
    twice = defaultdict(list)
    for section in sections:
        if section.settings != settings or section.genes_hash != genes_hash:
            what = "settings" if section.settings != settings else "gene list"
            raise DataError(f"{root}: section {section.name} was written with another {what}: write it again, or apart")
        twice["section", section.name].append(section.name)
        twice["source", str(section.origin)].append(section.name)
        for shard in section.shards:
            path = root / shard.name
            if not path.is_file() or path.stat().st_size != shard.bytes:
                raise DataError(f"{path}: missing, or not the {shard.bytes:,} bytes that were written: write it again")
            twice["shard", shard.name].append(section.name)
            twice["shard", shard.sha256].append(section.name)
    for (what, _), names in twice.items():
        if len(names) > 1:
            raise DataError(f"{root}: the same {what} is there twice, in {' and '.join(names)}: remove one of them")
