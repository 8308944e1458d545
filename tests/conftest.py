"""Fixtures that every test may use: where the reference numbers and the real sections are, and a tiny tissue."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def _folder(variable: str, default: str) -> Path:
    path = Path(os.environ.get(variable, REPOSITORY.parent / "shared" / default))
    if not path.is_dir():
        pytest.skip(f"{variable}: no folder {path}")
    return path


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: an archive holds the time, and processes that share tests must name them alike."""
    return argname if isinstance(val, bytes) and len(val) > 16 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests, which share fixtures, and all that share the one SLURM, go to one process (--dist loadgroup)."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("slurm" if item.get_closest_marker("slurm") else item.path.name))


@pytest.fixture(autouse=True)
def no_run_id_is_left() -> Iterator[None]:
    """A training in this process tells those after it its run's id, as it would its other ranks."""
    yield
    os.environ.pop("PAST_RUN_ID", None)


@pytest.fixture(scope="session")
def reference() -> Path:
    """Numbers computed by the published programs."""
    return _folder("PAST_REFERENCE", "reference")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real sections, splits and vocabularies."""
    return _folder("PAST_DATA", "data")
