"""Our scripts, submitted as a user submits them, and what SLURM says of the jobs."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Jobs:
    """A cluster, seen from a folder that takes the jobs' logs.

    Attributes:
        environment: in which the cluster is found.
        folder: of the logs.
    """

    environment: dict[str, str]
    folder: Path

    @property
    def logs(self) -> str:
        """What all jobs have said."""
        return "\n".join(f"{path.name}:\n{path.read_text()}" for path in sorted(self.folder.glob("*.out")))

    def run(self, *words: str | Path, code: int = 0) -> str:
        """Return what a command says that must end with `code`."""
        done = subprocess.run(
            words, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == code, f"{done.stdout}{done.stderr}\n{self.logs}"
        return done.stdout + done.stderr

    def submit(self, script: str, options: tuple[str, ...], *words: str | Path) -> str:
        """Return the id of a job that runs `slurm/<script>` with these words."""
        log = f"--output={self.folder}/{Path(script).stem}-%j.out"
        return self.run("sbatch", "--parsable", log, *options, f"slurm/{script}", *words).strip()

    def end_of(self, job: str) -> dict[str, str]:
        """Wait until a job (all tasks of an array) has ended; return what SLURM says of it, of an array's last task."""
        self.run("srun", "--quiet", f"--dependency=afterany:{job}", "--ntasks=1", "true")
        return dict(re.findall(r"(\w+)=(\S+)", self.run("scontrol", "show", "job", job)))
