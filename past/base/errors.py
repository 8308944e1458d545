"""Errors whose message is one sentence that names the value and the cure."""


class PastError(Exception):
    """Base of every error that a user can mend; the command line prints its sentence without a traceback."""


class ConfigError(PastError):
    """A setting, or a combination of settings, that cannot work."""


class DataError(PastError):
    """Data on disk that is missing, broken, or not what it says it is."""


class NoSpaceError(PastError):
    """A disk that is full, or a quota that is used up: nothing more can be written, whatever it is."""


class CheckpointError(PastError):
    """A checkpoint that does not fit the model, or is not a checkpoint."""
