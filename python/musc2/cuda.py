"""Whether this machine and this build can use a GPU."""

from __future__ import annotations

from musc2.ops._support import dispatch


def is_available() -> bool:
    """Return whether kernels can run on a GPU; this loads the CUDA kernels and asks the driver."""
    return unavailable_reason() is None


def unavailable_reason() -> str | None:
    """Return why kernels cannot run on a GPU, None when they can."""
    return dispatch.unavailable_reason()
