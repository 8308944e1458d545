"""The tester of tests, on a package of one function: what a test says is noticed, what none says survives."""

import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CODE = '''"""Words are not drawn."""

LIMIT: int = 3


def larger(a: int, b: int) -> bool:
    if a < 0:
        raise ValueError(f"{a - 1} is below 0")
    return a > b
'''
TEST = """from past.sizes import larger


def test_larger():
    assert larger(2, 1)
    assert not larger(1, 2)
"""
SURVIVE = {
    "past/sizes.py:3  3 -> 4",
    "past/sizes.py:7  0 -> 1",
    "past/sizes.py:7  a < 0 -> a <= 0",
    'past/sizes.py:8  raise ValueError(f"{a - 1} is below 0") -> pass',
    "past/sizes.py:9  a > b -> a >= b",
}


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    script = root / "tests" / "mutants.py"
    return subprocess.run([sys.executable, str(script), *words], capture_output=True, text=True, timeout=300)


def tree(root: Path, test: str) -> Path:
    (root / "past").mkdir()
    (root / "past" / "sizes.py").write_text(CODE)
    (root / "tests" / "unit").mkdir(parents=True)
    (root / "tests" / "unit" / "test_sizes.py").write_text(test)
    for name in ("mutants.py", "faults.py"):
        shutil.copy(TESTS / name, root / "tests" / name)
    return root


def test_what_a_test_says_is_noticed_and_what_none_says_survives(tmp_path: Path) -> None:
    done = run(tree(tmp_path, TEST), "--jobs", "1")
    said = done.stdout.splitlines()
    assert said[0] == "8 of 8 mutants of 1 files, seed 0"  # noticed: a >= 0, a <= b, and the result left out
    assert set(said[-5:]) == SURVIVE
    assert (done.returncode, done.stderr) == (1, "3 of 8 noticed: at least 90% are to be\n")
    assert (tmp_path / "past" / "sizes.py").read_text() == CODE


def test_tests_that_fail_without_any_fault_are_an_error(tmp_path: Path) -> None:
    done = run(tree(tmp_path, TEST.replace("not larger", "larger")), "--number", "1")
    assert done.returncode == 1
    assert "past/sizes.py: ['tests/unit/test_sizes.py'] fail without any fault" in done.stderr
