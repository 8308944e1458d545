"""past: distributed training for reading molecules out of histology (PAST and STPath)."""

DISTRIBUTION = "past-pathology"
__version__ = "0.1.0"
