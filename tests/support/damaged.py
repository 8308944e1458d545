"""Damage as a disk does it: a page of zeros within a file that looks whole otherwise."""

import zipfile
from pathlib import Path

PAGE = 4096


def zero_a_page(path: Path) -> None:
    """Put zeros over a page of the largest tensor in a torch file, or over the last page of another file."""
    content = bytearray(path.read_bytes())
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            tensors = [member for member in archive.infolist() if "/data/" in member.filename]
            largest = max(tensors, key=lambda member: member.file_size)
            held = archive.read(largest)
        start = bytes(content).index(held)
        size = min(PAGE, len(held))
    else:
        size = min(PAGE, len(content) // 4)
        start = len(content) - size
    assert any(content[start : start + size]), "zeros already"
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
