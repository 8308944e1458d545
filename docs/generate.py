"""Pages that are made from the code: every key of conf/, every command.

`python docs/generate.py OUT` writes configuration.md and commands.md into OUT; conf.py calls it before each build.
"""

import html
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONF = ROOT / "conf"
GROUPS = {
    "": "The root keys of `train.py` and `evaluate.py`.",
    "experiment": "Whole recipes: `experiment=NAME`. A recipe holds what differs from the defaults.",
    "model": "What is trained, and how: `model=NAME`.",
    "data": "What is read, and which part of it validates: `data=NAME`.",
    "encoder": "What turns a crop into features: `encoder=NAME`.",
    "cell_encoder": "What turns a cell's expression into features: `cell_encoder=NAME`.",
    "task": "What `evaluate.py` computes: `task=NAME`.",
    "task/head": "What goes from features to expression in HEST-Bench: `task/head=NAME`.",
    "trainer": "On what it runs: `trainer=NAME`.",
    "callbacks": "What happens beside the updates: `callbacks=NAME`.",
    "logger": "Where metrics go: `logger=NAME`.",
    "launcher": "Where the runs of a sweep (`-m`) run: `launcher=NAME`.",
    "hparams": "What chooses the settings of a sweep: `hparams=NAME`.",
    "profiler": "What times the parts of an update: `profiler=NAME`.",
}
LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w/@. -]+):(?: (?P<value>(?:[^#]|(?<! )#)*))?(?:# (?P<meaning>.*))?$")
ARGUMENT = re.compile(r"^ {4}(\w+): (.*)$")


def meanings(target: str) -> dict[str, str]:
    """Return what a class, with those it is derived from, or a function says of each of its arguments."""
    module, _, name = target.rpartition(".")
    found: dict[str, str] = {}
    thing = getattr(import_module(module), name)
    for part in reversed(inspect.getmro(thing)) if inspect.isclass(thing) else (thing,):
        lines = iter((inspect.cleandoc(part.__doc__ or "")).splitlines())
        argument = None
        for line in lines:
            if line in ("Args:", "Attributes:"):
                argument = ""
            elif line and not line.startswith(" "):
                argument = None
            elif argument is not None and (match := ARGUMENT.match(line)):
                argument = match[1]
                found[argument] = match[2]
            elif argument:
                found[argument] += " " + line.strip()
    return {argument: said.strip() for argument, said in found.items()}


def keys(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield each key of a YAML file with its dots, its default and its meaning."""
    above: list[tuple[int, str, dict[str, str]]] = []  # indent, key, what its class says of its arguments
    here: dict[str, str] = {}
    for line in path.read_text().splitlines():
        match = LINE.match(line)
        if match is None or line.lstrip().startswith(("#", "-")):
            continue
        indent, key, value = len(match["indent"]), match["key"], (match["value"] or "").strip()
        while above and above[-1][0] >= indent:
            above.pop()
        if key == "_target_":
            found = meanings(value)
            if above:
                above[-1][2].update(found)
            else:
                here.update(found)
            yield ".".join([name for _, name, _ in above] + [key]), value, "the class that is built"
            continue
        said = above[-1][2] if above else here
        yield ".".join([name for _, name, _ in above] + [key]), value, match["meaning"] or said.get(key, "")
        above.append((indent, key, {}))


def code(text: str) -> str:
    """Return text as code that a table's cell can hold."""
    return f"`{text}`".replace("|", "\\|") if text else ""


def explains(path: Path) -> bool:
    """Whether a file's keys are explained here: a recipe or preset only sets keys that another file explains."""
    return path.parent == CONF or (path.parent.name != "experiment" and "_target_:" in path.read_text())


def table(path: Path) -> str:
    """Return a file's keys as a table; keys that only hold others are left out."""
    rows = [row for row in keys(path) if not row[0].startswith(("defaults", "hydra")) and (row[1] or row[2])]
    lines = [
        f"| {code(key)} | {code(value)} | {html.escape(said).replace('|', '&#124;')} |" for key, value, said in rows
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *lines])


def page_of_keys() -> str:
    """Return the page of all configuration files: key, default and meaning."""
    parts = [
        "# Configuration",
        "Every file of `conf/`, with every key that it sets. Each can be overridden on the command line: "
        "`python train.py model.dim=128`. `python train.py --cfg job` prints what a command would use.",
    ]
    for group, about in GROUPS.items():
        parts.append(f"## {f'{group}/' if group else 'Root'}\n\n{about}")
        for path in sorted((CONF / group).glob("*.yaml")):
            first = path.read_text().splitlines()[:2]
            words = " ".join(line[2:] for line in first if line.startswith("# ") and "@package" not in line)
            parts.append(f"### `{path.relative_to(CONF)}`" + (f"\n\n{words}" if words else ""))
            parts.append(table(path) if explains(path) else f"```yaml\n{path.read_text()}```")
    return "\n\n".join(parts) + "\n"


def page_of_commands() -> str:
    """Return the page of all commands, as typer writes it."""
    asked = [sys.executable, "-m", "typer", "past.cli.app", "utils", "docs", "--name", "past"]
    said = html.unescape(subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    return said.replace("# `past`\n", "# Commands\n\nWhat `past --help` says, on one page.\n", 1)


def main(out: Path) -> None:
    """Write both pages; a page that says the same stays as it is, so that Sphinx does not build it again."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("configuration.md", page_of_keys()), ("commands.md", page_of_commands())):
        if not (out / name).is_file() or (out / name).read_text() != text:
            (out / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
