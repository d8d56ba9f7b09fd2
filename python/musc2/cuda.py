"""Whether this machine and this build can use a GPU."""

from __future__ import annotations


def is_available() -> bool:
    """Whether kernels can run on a GPU."""
    return False


def why() -> str:
    """The reason that ``is_available`` is as it is."""
    return "this version of musc2 has no CUDA kernels yet"
