"""An image encoder by its files, before it is loaded: what it is called, and a mark by which it is known again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from past.slides.slide import fingerprint


def encoder_name(given: str) -> str:
    """Return what an encoder that was given by its name or its path is called in results."""
    return Path(given).resolve().name if Path(given).exists() else given


def checkpoint_in(path: Path) -> Path:
    """Return the best checkpoint of a run's directory; any other path is a checkpoint or an imported folder itself."""
    best = path / "checkpoints" / "best.ckpt"
    return best if best.is_file() else path


def mark_of(built_of: Mapping[str, Any]) -> str | None:
    """Return a mark of an encoder that lies in files as they are, found in a moment; None: it lies in none of ours.

    Of each file its path, size, time of change, and 4 MB of its bytes: an encoder of the same mark is the same one. One
    of another mark may be the same too, say of a file that was copied.

    Args:
        built_of: its settings, the paths of its weights among them.
    """
    if "hub" in built_of.values():
        return None
    digest = hashlib.sha256(json.dumps(dict(built_of), sort_keys=True, default=str).encode())
    for value in built_of.values():
        path = Path(value) if isinstance(value, str) else None
        if path is None or not path.exists():
            continue
        for file in [path] if path.is_file() else sorted(part for part in path.iterdir() if part.is_file()):
            said = file.stat()
            digest.update(f"\n{file.resolve()} {said.st_size} {said.st_mtime_ns} {fingerprint(file)}".encode())
    return digest.hexdigest()
