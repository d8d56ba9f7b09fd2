"""Whether this machine and this build can use a GPU."""

from __future__ import annotations

from musc2.ops import gpu


def is_available() -> bool:
    """Whether kernels can run on a GPU. It loads the CUDA kernels, if they are there, and asks the driver."""
    return not gpu.why_not()


def why() -> str:
    """The reason that ``is_available`` is as it is."""
    return gpu.why_not() or "the CUDA kernels load and there is a GPU"
