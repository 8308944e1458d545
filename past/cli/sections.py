"""Sections and cell shards on the command line of `past embed`, and what a trained PAST does to each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from past.base.errors import ConfigError
from past.cli.options import PlatformOptions

if TYPE_CHECKING:
    from past.models.past.sections import Section
    from past.slides.cohort import CohortSlide, Outcome
    from past.slides.embedding import Report

STATED = ("patient", "organ", "technology")  # what a table of sections may say of each


def is_section(path: Path) -> bool:
    """Whether a path is a section's .h5ad, or a directory of cell shards."""
    return path.suffix == ".h5ad" or (path / "index.json").is_file()


def sections_of(cohort: "Sequence[CohortSlide]", files: PlatformOptions) -> "dict[CohortSlide, Section]":
    """Return the sections of a cohort, a set of shards as each of its own; none where the cohort is slides.

    Raises:
        ConfigError: slides among them, or two sections of one name.
        DataError: shards that cannot be read, or no cell shards.
    """
    there = [is_section(one.path) for one in cohort]
    if not any(there):
        return {}
    if not all(there):
        raise ConfigError(f"{cohort[there.index(False)].path}: a slide among sections: give each kind a command")
    sections: dict[CohortSlide, Section] = {}
    for one in cohort:
        sections |= _in_shards(one) if one.path.is_dir() else {}
    to_cut = [one for one in cohort if not one.path.is_dir()]
    sections |= _to_cut(to_cut, files) if to_cut else {}
    names = [one.name.lower() for one in sections]  # some disks know no capitals
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ConfigError(f"two sections are called {twice}: give each a command and an --out of its own")
    return sections


def _in_shards(one: "CohortSlide") -> "dict[CohortSlide, Section]":
    from past.data.shards.cell_format import safe_name
    from past.data.shards.index import ShardIndex
    from past.data.shards.slide_format import holds_slides
    from past.models.past.sections import SectionInShards

    index = ShardIndex.read(one.path)
    if holds_slides(index.settings):
        raise ConfigError(f"{one.path}: holds slides, which have no pictures any more: give cell shards")
    names = dict.fromkeys(shard.section for shard in index.shards)
    return {replace(one, name=safe_name(name)): SectionInShards(index, name) for name in names}


def _to_cut(cohort: "Sequence[CohortSlide]", files: PlatformOptions) -> "dict[CohortSlide, Section]":
    from past.data.sources.anndata import AnnDataSource
    from past.data.sources.platform import genes_of
    from past.models.past.sections import SectionToCut

    found = {}
    for one, (path, given) in zip(cohort, files.of_each([one.path for one in cohort]), strict=True):
        stated = {word: getattr(one, word) for word in STATED if getattr(one, word)}
        source = AnnDataSource(path, replace(given, image_mpp=one.mpp or given.image_mpp, **stated))
        found[one] = SectionToCut(source, path, lambda source=source: genes_of([source], files.genes))
    return found


def embedding_of(
    sections: "Mapping[CohortSlide, Section]",
    encoder: str | None,
    out: Path,
    *,
    batch_size: int,
    workers: int,
    device: str | None,
    report: "Report",
) -> "Callable[[CohortSlide, bool], Outcome]":
    """Return the work of one section: its embeddings by a trained PAST, made or found.

    Raises:
        ConfigError: no trained PAST is given.
        CheckpointError: it cannot be read.
    """
    from past.models.past.sections import SectionEmbedder
    from past.models.past.tower import trained_past
    from past.slides.cohort import Outcome
    from past.slides.encoder_files import encoder_name

    if encoder is None or not Path(encoder).exists():
        raise ConfigError(
            f"--encoder {encoder}: sections and cell shards want a trained PAST: give its run, .ckpt or imported folder"
        )
    embedder = SectionEmbedder(trained_past(Path(encoder), device), encoder_name(encoder), batch_size, workers, report)

    def work(one: "CohortSlide", may_wait: bool) -> Outcome:
        there = embedder(sections[one], out / f"{one.name}.h5ad", may_wait)
        return Outcome("done" if there.made else "found", there.tiles, there.skipped)

    return work
