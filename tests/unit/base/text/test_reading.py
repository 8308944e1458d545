"""Hostile text ends in one sentence that names the file and the cure; good text is read as it was written."""

import json
from pathlib import Path

import pytest

from past.base.errors import DataError
from past.base.text.reading import json_of, read_json, read_text, read_yaml

CURE = "copy it again"
BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 200_000, "not JSON that is read here (nested too deep)"),
        (b'{"a":' * 200_000, "not JSON that is read here (nested too deep)"),
        (b'{"gene": "\xff\xfe"}', "not UTF-8 text (invalid start byte at byte 10)"),
        (b"{'a': 1}", "not JSON (Expecting property name"),
        (b"", "not JSON (Expecting value: line 1 column 1 (char 0))"),
        (b"9" * 5_000, "not JSON (Exceeds the limit"),
        (b" " * 999 + b"12", "larger than the 1,000 bytes that are read of such a file"),
    ],
)
def test_what_is_not_json_is_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_json(path, CURE, limit=1_000 if b" " * 999 in content else 10_000_000)
    assert str(refused.value).startswith(f"{path}: {said}")
    assert str(refused.value).endswith(f": {CURE}")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


def test_json_is_what_was_written(tmp_path: Path) -> None:
    values = {"µm": [1, 2.5, None, True], "nested": {"a": "b"}}
    (tmp_path / "a.json").write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    (tmp_path / "b.json").write_text(json.dumps(values), encoding="utf-8-sig")  # Windows' mark at the beginning
    assert read_json(tmp_path / "a.json", CURE) == read_json(tmp_path / "b.json", CURE) == values
    assert json_of(b'{"a": 1}', "here", CURE) == {"a": 1}


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path, Path("/dev/zero")):
        with pytest.raises(DataError, match=rf"{path}: no such file: copy it again"):
            read_text(path, CURE)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB, "not YAML (an alias"),
        ("a: " + "[" * 20_000, "not YAML"),
        ("a: [1", "not YAML (while parsing"),
        ("a: !!python/object/apply:os.system [ls]", "not YAML (the tag tag:yaml.org,2002:python/object"),
        ("a: !!bool x", "not YAML (the tag tag:yaml.org,2002:bool stands"),
        ("a: !!timestamp x", "not YAML (the tag"),
        ("a: !!int ''", "not YAML (the tag"),
        ("a: !!set {b}", "not YAML (the tag"),
        ("a: 2024-13-45", "not YAML (month must be in 1..12"),
        ("\x00", "not YAML ("),
    ],
)
def test_what_is_not_yaml_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    with pytest.raises(DataError) as refused:
        read_yaml(path, CURE)
    assert str(refused.value).startswith(f"{path}: {said}")
    assert str(refused.value).endswith(CURE)
    assert "\n" not in str(refused.value)


def test_yaml_is_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, x]\nb:\n  c: null\n")
    assert read_yaml(tmp_path / "a.yaml", CURE) == {"a": [1, "x"], "b": {"c": None}}


def test_half_a_letter_is_refused() -> None:
    assert json_of(r'["\ud83d\ude00"]', "here", CURE) == ["\U0001f600"]
    with pytest.raises(DataError, match=r"here: not JSON \(.*surrogates not"):
        json_of(r'["\ud83d"]', "here", CURE)
