"""The writing of a whole set: which sections, in how many processes, and the index when all are there."""

import multiprocessing
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from queue import Queue

from past.base.errors import DataError, NoSpaceError, PastError
from past.base.files import create_once
from past.data.shards.index import ShardIndex
from past.data.shards.merge import merge
from past.data.shards.records import SampleSource
from past.data.shards.settings import SectionProgress, ShardSettings, check_names, check_settings, read_progress
from past.data.shards.write import Report, write_section


def write_set(
    root: Path,
    sources: Sequence[SampleSource],
    settings: ShardSettings,
    genes: Sequence[str],
    *,
    only: Sequence[str] | None = None,
    workers: int = 1,
    report: Report = lambda *_: None,
) -> ShardIndex | None:
    """Write sections into `root`, and the index once every section of `root` is complete.

    Args:
        root: the directory; it may hold sections of the same settings and gene list.
        sources: all sections of the set that this command knows of.
        settings: how cells are cut and stored.
        genes: the gene list.
        only: names of those that this writer shall write, while others write the rest; None: all.
        workers: processes, each with one section in memory.
        report: told how far each section is, from this process.

    Returns:
        The index, or None while sections are left to other writers.

    Raises:
        DataError: what is wrong with any section, one sentence a line, after all others are written.
        NoSpaceError: the disk is full; what is finished is safe.
    """
    names = [source.name for source in sources]
    check_names([*names, *({progress.name for progress in read_progress(root)} - set(names))])
    check_settings(root, settings, genes)
    for name in names:  # announced before any is written: until all are complete, nobody takes the set for whole
        create_once(SectionProgress.path(root, name), SectionProgress(name).to_json())
    wanted = [source for source in sources if only is None or source.name in only]
    errors = _write_all(root, wanted, settings, genes, workers, report)
    if errors:
        raise DataError(*errors)
    return merge(root) if all(progress.complete for progress in read_progress(root)) else None


def _write_all(
    root: Path,
    sources: Sequence[SampleSource],
    settings: ShardSettings,
    genes: Sequence[str],
    workers: int,
    report: Report,
) -> list[str]:
    """Write sections one after the other, or in processes; return what went wrong, a sentence each."""
    if min(workers, len(sources)) <= 1:
        outcomes = (_write_one(root, settings, genes, report, source) for source in sources)
        return [sentence for sentence in outcomes if sentence]
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager, ProcessPoolExecutor(min(workers, len(sources)), mp_context=spawn) as pool:
        messages: Queue[tuple[str, int, int] | None] = manager.Queue()
        listener = threading.Thread(target=_listen, args=(messages, report))
        listener.start()
        try:
            write = partial(_write_one, root, settings, genes, partial(_send, messages))
            return [sentence for sentence in pool.map(write, sources) if sentence]
        finally:
            messages.put(None)
            listener.join()


def _write_one(
    root: Path, settings: ShardSettings, genes: Sequence[str], report: Report, source: SampleSource
) -> str | None:
    try:
        write_section(root, source, settings, genes, report)
    except NoSpaceError:
        raise  # the others would meet it too
    except PastError as error:
        return str(error)
    return None


def _send(messages: "Queue[tuple[str, int, int] | None]", section: str, done: int, cells: int) -> None:
    messages.put((section, done, cells))


def _listen(messages: "Queue[tuple[str, int, int] | None]", report: Report) -> None:
    while (message := messages.get()) is not None:
        report(*message)
