"""JSON and YAML that may come from anywhere: read within bounds, and refused in one sentence."""

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

from past.base.errors import DataError
from past.base.foreign.memory import require_memory

LIMIT: Final = 64 << 20  # bytes of a text that is read whole
TIMES: Final = 20  # as many bytes may JSON make of one
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")  # of a letter that takes two escapes
SHOWN: Final = 80  # letters of a parser's words in a message


def read_text(path: Path, cure: str, limit: int = LIMIT) -> str:
    """Read a whole file of UTF-8 text.

    Args:
        path: of a plain file.
        cure: what the user can do about a file that cannot be read, the end of the sentence.
        limit: bytes that it may have.

    Raises:
        DataError: missing, no plain file, larger, or not UTF-8.
    """
    if not path.is_file():  # reading a pipe or a device may never end
        raise DataError(f"{path}: no such file: {cure}")
    size = path.stat().st_size
    if LIMIT < size <= limit:  # a larger file is refused by its size
        require_memory(TIMES * size, f"{path}: what it holds", cure)
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): {cure}") from error
    return decoded(content, str(path), cure, limit)


def decoded(content: bytes, name: str, cure: str, limit: int = LIMIT) -> str:
    """Return bytes of UTF-8 as text; DataError as `read_text`, which says `name` in place of a path."""
    if len(content) > limit:
        raise DataError(f"{name}: larger than the {limit:,} bytes that are read of such a file: {cure}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not UTF-8 text ({error.reason} at byte {error.start:,}): {cure}") from error


def read_json(path: Path, cure: str, limit: int = LIMIT) -> Any:
    """Read a JSON file; arguments and errors as of `read_text`, and DataError where it is not JSON.

    What the values are is for the caller to check: any of JSON's kinds, at any place.
    """
    return json_of(read_text(path, cure, limit), str(path), cure)


def json_of(text: str | bytes, name: str, cure: str) -> Any:
    """Return what JSON text means.

    Args:
        text: as text, or as bytes of UTF-8.
        name: where it is from, the beginning of the sentence.
        cure: what the user can do, its end.

    Raises:
        DataError: not JSON, nested too deep, or a whole number of thousands of digits.
    """
    try:
        text = decoded(text, name, cure) if isinstance(text, bytes) else text
        content = json.loads(text)
        if _HALF.search(text):
            json.dumps(content, ensure_ascii=False).encode()  # half a letter cannot be written again, nor hashed
        return content
    except RecursionError as error:
        raise DataError(f"{name}: not JSON that is read here (nested too deep): {cure}") from error
    except ValueError as error:
        raise DataError(f"{name}: not JSON ({error!s:.{SHOWN}}): {cure}") from error


def read_yaml(path: Path, cure: str, limit: int = LIMIT) -> Any:
    """Read a YAML file of plain values, without aliases: with them a small text means a large one.

    Raises:
        DataError: as `read_text`, or not YAML, nested too deep, or with an alias or a tag that is no plain value's.
    """
    try:
        return yaml.load(read_text(path, cure, limit), _Loader)  # a safe loader
    except RecursionError as error:
        raise DataError(f"{path}: not YAML that is read here (nested too deep): {cure}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{path}: not YAML ({' '.join(str(error).split()):.{SHOWN}}): {cure}") from error


class _Loader(yaml.SafeLoader):
    """Makes plain values, and refuses aliases and tags."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node; see `yaml.composer.Composer`."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name) stands in it")
        if event.tag is not None:  # asks for another kind than is written: a set, bytes, a date that is none
            raise yaml.YAMLError(f"the tag {event.tag:.40} stands in it")
        return super().compose_node(parent, index)
