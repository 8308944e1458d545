"""What the parts of an index must be: whatever JSON holds goes in, what a training can rely on comes out.

Each function raises ValueError (KeyError and TypeError where a part is absent or of another kind), and says what is
wrong without the file's name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from past.base.genes import gene_hash, require_unique

MOST_SAMPLES: Final = 1 << 20  # of a shard: what a reader plans is bounded by it
MOST_BYTES: Final = 1 << 50  # of a shard
LEAST_BYTES: Final = 2_048  # of a sample in a tar: two headers and two members, of a block each
MOST_PX: Final = 16_384  # side of a crop
MOST_WIDTH: Final = 65_536  # of a slide's features
OF_SECTION: Final = ("patient", "organ", "technology", "species")  # what an index says of each section
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+\.tar")  # never a path: shards may come from anywhere
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shard:
    """One tar file: all its samples are of one section of one patient."""

    name: str
    samples: int
    bytes: int
    sha256: str
    section: str
    patients: tuple[str, ...]


def shard_of(content: Any) -> Shard:
    """Make a shard's entry."""
    wanted = {field.name for field in fields(Shard)}
    if not isinstance(content, dict) or set(content) != wanted:
        raise TypeError(f"{content!r:.80} is no shard's entry, which has {', '.join(sorted(wanted))}")
    name, section, patients = content["name"], content["section"], content["patients"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r:.80} is no shard's name")
    if not isinstance(content["sha256"], str) or not _SHA256.fullmatch(content["sha256"]):
        raise ValueError(f"{name}: {content['sha256']!r:.80} is no SHA-256")
    if not is_word(section):
        raise ValueError(f"{name}: {section!r:.80} is no section's name")
    if not isinstance(patients, list) or not patients or not all(map(is_word, patients)):
        raise ValueError(f"{name}: {patients!r:.80} is no list of patients")
    size = whole_number(content["bytes"], 0, MOST_BYTES, f"{name}: bytes")
    samples = whole_number(content["samples"], 0, MOST_SAMPLES, f"{name}: samples")
    if samples * LEAST_BYTES > size:
        raise ValueError(f"{name}: {samples:,} samples do not fit into {size:,} bytes")
    return Shard(**{**content, "patients": tuple(patients)})


def require_genes(names: Any, named_by: Any) -> tuple[str, ...]:
    """Return the gene list, if it is one and has the hash that it says; DataError where a gene is there twice."""
    if not isinstance(names, list) or not names or not all(map(is_word, names)):
        raise TypeError(f"{names!r:.80} is no list of genes")
    require_unique(names, "its gene list")
    if gene_hash(names) != named_by:
        raise ValueError(f"the gene list does not match its hash {named_by!r:.40}")
    return tuple(names)


def require_settings(content: Any) -> dict[str, Any]:
    """Return the settings, if the crops' or the features' size is one."""
    if not isinstance(content, dict):
        raise TypeError(f"{content!r:.80} are no settings")
    whole_number(content["px"], 1, MOST_PX, "settings: px")
    mpp = content["mpp"]
    if mpp is not None and not is_mpp(mpp):
        raise ValueError(f"settings: mpp is {mpp!r:.40}, wanted µm/px above 0, or null")
    if "encoder" in content:
        whole_number(content["width"], 1, MOST_WIDTH, "settings: width")
        if not is_word(content["encoder"]):
            raise ValueError(f"settings: {content['encoder']!r:.80} is no encoder's name")
    return content


def require_sections(content: Any) -> dict[str, dict[str, object]]:
    """Return what is said of each section, if it says who and what it is."""
    if not isinstance(content, dict):
        raise TypeError(f"{content!r:.80} are no sections")
    for name, facts in content.items():
        if not isinstance(facts, Mapping):
            raise TypeError(f"section {name!r:.80}: {facts!r:.80} says nothing of it")
        for word in OF_SECTION:
            if not is_word(facts.get(word)):
                raise ValueError(f"section {name!r:.80}: its {word} is {facts.get(word)!r:.40}, wanted a word")
    return content


def whole_number(value: Any, least: int, most: int, what: str) -> int:
    """Return a whole number within bounds."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{what} is {value!r:.40}, wanted a whole number from {least} to {most:,}")
    return value


def is_word(value: object) -> bool:
    """Whether a value is text with something in it, and nothing that a terminal would obey."""
    return isinstance(value, str) and bool(value.strip()) and not _CONTROL.search(value)


def is_mpp(value: object) -> bool:
    """Whether a value can be µm/px."""
    return type(value) in (int, float) and 0 < value < 1e6  # type: ignore[operator]
