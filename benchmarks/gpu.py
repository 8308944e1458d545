"""What only a GPU can show, in one table: numbers, speed, memory, waiting, compiling; gpu.json and gpu.md in bench/.

At most eight minutes on an H100 or H200. Without a GPU every part runs at toy size on the CPU, which only shows that it
runs. A part that fails is a row, and the others go on; the exit code is 1 then.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from on_gpu import past_step, reading, same_numbers, stpath_slides, waiting
from on_gpu.machine import Machine, Row
from rich.console import Console
from rich.progress import track

PARTS: dict[str, Callable[[Machine], Iterator[Row]]] = {
    "same numbers": same_numbers.run,
    "same numbers in chunks": same_numbers.chunks,
    "same numbers when resumed": same_numbers.resumed,
    "PAST's step": past_step.run,
    "PAST's contrast": past_step.contrast,
    "STPath's prediction": stpath_slides.run,
    "STPath's update": stpath_slides.update,
    "loader": reading.loader,
    "tiles": reading.tiles,
    "waits": waiting.synchronisations,
    "compilations": waiting.compilations,
    "kernels": waiting.kernels,
}
PACKAGES = ("torch", "lightning", "timm", "numpy")


def rows_of(name: str, machine: Machine) -> list[Row]:
    """Run a part; what it lacks or where it fails is its last row."""
    rows: list[Row] = []
    torch.manual_seed(0)
    start = time.perf_counter()
    try:
        rows += PARTS[name](machine)
    except ImportError as error:
        rows.append(Row(name, f"left out: {error.name} is not installed"))
    except Exception as error:  # noqa: BLE001 - the others go on, and the row says what it was
        rows.append(Row(name, f"failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}", "runs", False))
    if machine.on_gpu:
        torch.cuda.empty_cache()
    return [*rows, Row(f"{name}, in all", f"{time.perf_counter() - start:.0f} s")]


def markdown(about: dict[str, str], found: dict[str, list[Row]]) -> str:
    """Return the table as a page."""
    said = {None: "", True: "yes", False: "**no**"}
    lines = ["# Seen on " + about["device"], "", ", ".join(f"{name} {value}" for name, value in about.items()), ""]
    for name, rows in found.items():
        lines += [f"## {name}", "", "| what | measured | wanted | reached |", "|---|---|---|---|"]
        lines += [f"| {row.what} | {row.value} | {row.wanted} | {said[row.reached]} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run all parts, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench"))
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=[*PARTS])
    parser.add_argument("--toy", action="store_true", help="toy sizes on a GPU too")
    asked = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    machine = Machine(device, asked.toy or device.type == "cpu")
    if machine.on_gpu:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    about = {"device": machine.name, "python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}}
    found = {}
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in track(asked.parts, console=Console(stderr=True)):
        found[name] = rows_of(name, machine)
        rows = {part: [asdict(row) for row in rows] for part, rows in found.items()}
        (asked.out / "gpu.json").write_text(json.dumps({"about": about, "rows": rows}, indent=1, ensure_ascii=False))
        (asked.out / "gpu.md").write_text(markdown(about, found))  # after each part: time may run out
    print(markdown(about, found))
    if any(row.reached is False for rows in found.values() for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
