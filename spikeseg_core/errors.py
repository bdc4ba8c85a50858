"""The errors a user can cause.

Every message names the thing, its value, the limit and the way out.
"""


class SpikeSegError(Exception):
    """Base of every error that is caused by the input, not by a bug."""


class DataError(SpikeSegError):
    """Images, labels or archives that cannot be used."""


class ConfigError(SpikeSegError):
    """A setting, preset or stage reference that is unknown or conflicts with others."""


class MappingError(SpikeSegError):
    """A network that does not fit a core, a chip or the board."""


class DeploymentError(SpikeSegError):
    """A target or engine that cannot run this network here."""


class MeterError(SpikeSegError):
    """An energy meter that cannot be read on this machine."""
