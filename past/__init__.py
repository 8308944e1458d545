"""past: distributed training for reading molecules out of histology (PAST and STPath)."""

DISTRIBUTION = "past-pathology"
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Offer `past.load_stpath` without importing torch for those who do not ask for it."""
    if name == "load_stpath":
        from past.models.stpath.predict import load_stpath

        return load_stpath
    raise AttributeError(f"module 'past' has no attribute {name!r}")
