"""`past train` and `past evaluate` take the words of train.py and evaluate.py, and answer questions without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
RUN = """
import runpy, sys
file = sys.argv[1]
sys.argv = sys.argv[1:]
try:
    if file == "past":
        import past_pathology
        past_pathology.main()
    else:
        runpy.run_path(file, run_name="__main__")
finally:
    heavy = {"torch", "lightning", "scanpy", "anndata", "pandas"} & set(sys.modules)
    print("heavy:", *sorted(heavy), file=sys.stderr)
"""


def past(*words: str, folder: Path, program: str = "past") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", RUN, program, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--help"], "Train a model"),
        (["train", "--help"], "experiment: cell_expression, demo"),
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


@pytest.mark.parametrize(
    ("file", "words", "said"),
    [
        ("train.py", ["--cfg", "job", "experiment=demo"], "name: demo"),
        ("evaluate.py", ["--help"], "past evaluate task=retrieval"),
    ],
)
def test_the_files_of_a_checkout_answer_as_fast(tmp_path: Path, file: str, words: list[str], said: str) -> None:
    answer = past(*words, folder=tmp_path, program=str(REPOSITORY / file))
    assert answer.returncode == 0, answer.stderr
    assert said in answer.stdout
    assert answer.stderr.splitlines()[-1] == "heavy:"


def test_the_package_itself_is_light(tmp_path: Path) -> None:
    code = "import sys, past; print(len(set(sys.modules) & {'torch', 'lightning', 'hydra', 'numpy', 'typer'}))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["0"]


def test_a_sweep_on_several_devices_is_refused_as_train_py_does(tmp_path: Path) -> None:
    devices = ["trainer.devices=2", "seed=1,2"]
    answer = past("train", "-m", "data.root=nowhere", "model.dim=8", *devices, folder=tmp_path)
    assert answer.returncode == 1
    assert "error: -m with trainer.devices=2 would run the sweep once on every device" in answer.stderr


def test_a_wrong_word_is_named_in_one_sentence(tmp_path: Path) -> None:
    answer = past("train", "data.root=nowhere", "+sed=5", folder=tmp_path)
    assert answer.returncode == 1
    assert "error: unknown key sed: the root keys are" in answer.stderr
    assert "Traceback" not in answer.stderr
