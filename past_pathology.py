"""Door of the distribution `past-pathology`: makes sure that `past` is ours before anything runs.

PyPI's `future` installs a module of the same name, which can shadow ours from site-packages.
"""

import importlib

SHADOWED = (
    "the module 'past' at {path} is not past-pathology (PyPI's 'future' installs one of that name): "
    "run 'pip uninstall future', then 'pip install --force-reinstall --no-deps past-pathology'"
)


def require_ours() -> None:
    """Raise ImportError, with the cure, when another distribution's `past` is imported in place of ours."""
    past = importlib.import_module("past")
    if getattr(past, "DISTRIBUTION", None) != "past-pathology":
        raise ImportError(SHADOWED.format(path=getattr(past, "__file__", None) or list(past.__path__)))


def main() -> None:
    """Run the console command `past`."""
    require_ours()
    importlib.import_module("past.cli.app").main()
