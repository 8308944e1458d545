"""Errors whose message is one sentence that names the value and the cure, and the one for numbers out of range."""

import math


class PastError(Exception):
    """Base of every error that a user can mend; the command line prints its sentence without a traceback."""


class ConfigError(PastError):
    """A setting, or a combination of settings, that cannot work."""


class DataError(PastError):
    """Data on disk that is missing, broken, or not what it says it is."""


class CheckpointError(PastError):
    """A checkpoint that does not fit the model, or is not a checkpoint."""


def require_number(
    key: str, value: float, *, least: float = -math.inf, most: float = math.inf, above: float = -math.inf
) -> None:
    """Raise ConfigError unless a setting is a number in its range; a whole one where `least` or `most` is whole.

    Args:
        key: the setting's full name.
        value: its value.
        least: it may be.
        most: it may be; only beside `least`.
        above: what it must be above.
    """
    whole = any(type(bound) is int for bound in (least, most))
    is_number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value) and not whole)
    if is_number and least <= value <= most and value > above:
        return
    shown = [str(bound) if type(bound) is int else f"{bound:g}" for bound in (least, most, above)]
    bounds = [f"above {shown[2]}"] if above > -math.inf else []
    bounds += [f"of {shown[0]} or more"] if least > -math.inf and most == math.inf else []
    bounds += [f"from {shown[0]} to {shown[1]}"] if least > -math.inf and most < math.inf else []
    raise ConfigError(f"{key}={value}: give a {'whole ' if whole else ''}number {' and '.join(bounds)}".rstrip())
