"""`past train` and `past evaluate` take the words of train.py and evaluate.py, and answer questions without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
RUN = """
import sys
sys.argv = ["past", *sys.argv[1:]]
import past_pathology
try:
    past_pathology.main()
finally:
    heavy = {"torch", "lightning", "scanpy", "anndata", "pandas"} & set(sys.modules)
    print("heavy:", *sorted(heavy), file=sys.stderr)
"""


def past(*words: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", RUN, *words], cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "Train a model"),
        (["train", "--help"], "experiment: demo"),
        (["train", "--cfg", "job", "experiment=demo", "model.dim=96"], "dim: 96"),
        (["train", "experiment=past_her2st", "--cfg", "job", "--package", "data"], "train:\n- C2\n- C3"),
        (["evaluate", "--help"], "hest_bench"),
        (["evaluate", "--cfg", "job", "task=imputation"], "name: imputation"),
        (["shards", "--help"], "synthetic"),
    ],
    ids=" ".join,
)
def test_questions_are_answered_from_anywhere_without_torch(tmp_path: Path, words: list[str], said: str) -> None:
    answer = past(*words, folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert said in answer.stdout
    assert answer.stderr.splitlines()[-1] == "heavy:"
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_word_is_named_in_one_sentence(tmp_path: Path) -> None:
    answer = past("train", "data.root=nowhere", "+sed=5", folder=tmp_path)
    assert answer.returncode == 1
    assert "error: unknown key sed: the root keys are" in answer.stderr
    assert "Traceback" not in answer.stderr
