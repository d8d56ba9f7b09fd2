"""The errors that musc2 raises on purpose."""


class MuscError(Exception):
    """The base of all errors that musc2 raises on purpose."""


class InputError(MuscError, ValueError):
    """An argument that cannot be used as it is."""


class DeviceError(MuscError, RuntimeError):
    """A device that was requested and cannot be used."""


class ClusterError(MuscError, RuntimeError):
    """A cluster that cannot be used, or that went away."""


class FetchError(MuscError, RuntimeError):
    """Weights that could not be fetched: no network, or the host refused."""


class InputWarning(UserWarning):
    """Something unusual about the inputs that may make their scores mean something else."""


__all__ = ["ClusterError", "DeviceError", "FetchError", "InputError", "InputWarning", "MuscError"]
