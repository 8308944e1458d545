"""The documentation is whole: it builds without a warning, explains every key, and quotes messages that exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference")
    subprocess.run([sys.executable, str(DOCS / "generate.py"), str(out)], check=True)
    return out


def test_every_key_of_the_configuration_has_a_meaning(generated: Path) -> None:
    rows = re.findall(r"^\| (`.*?`) \| (.*?) \| (.*) \|$", (generated / "configuration.md").read_text(), re.MULTILINE)
    assert len(rows) > 200
    assert [key for key, _, meaning in rows if not meaning.strip()] == []
    assert ("`data.val`", "`null`") in {(key, value) for key, value, _ in rows}


def test_every_file_of_the_configuration_is_there(generated: Path) -> None:
    page = (generated / "configuration.md").read_text()
    files = [str(path.relative_to(REPOSITORY / "conf")) for path in (REPOSITORY / "conf").rglob("*.yaml")]
    assert [name for name in files if f"### `{name}`" not in page] == []


def test_every_command_is_there(generated: Path) -> None:
    page = (generated / "commands.md").read_text()
    for command in ("past shards anndata", "past embed", "past predict", "past report", "past plan", "past import uni"):
        assert f"`{command}`" in page


def test_messages_that_are_explained_are_ours() -> None:
    files = [REPOSITORY / "past_pathology.py", *(REPOSITORY / "past").rglob("*.py")]
    code = " ".join(" ".join(path.read_text().split()) for path in files)
    code = re.sub(r'" f?"', "", code)
    quoted = re.findall(r"^\| `(.+?)`", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(quoted) > 10
    assert [words for words in quoted if words not in code] == []


@pytest.mark.slow
def test_it_builds_without_a_warning_and_without_a_network(tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", str(DOCS), str(tmp_path)]
    built = subprocess.run(asked, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    index = (tmp_path / "index.html").read_text()
    loaded = re.findall(r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="(https?:[^"]*)"', index)
    assert loaded == []
