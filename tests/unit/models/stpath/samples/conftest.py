"""Slides in a shard set."""

from pathlib import Path

import pytest
from slide_shards import write_slides


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slides(tmp_path_factory.mktemp("slides") / "set")
