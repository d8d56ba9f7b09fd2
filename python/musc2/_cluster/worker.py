"""What every worker of a cluster does: run a function, and tell its versions."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from musc2.ops._support import dispatch
from musc2.torch_state import default_torch_state


def call(threads: int, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return function(*arguments), computed by one thread of torch and ``threads`` of kernels."""
    dispatch.set_num_threads(threads)
    torch.set_num_threads(1)
    with default_torch_state(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return function(*arguments)


def versions() -> dict[str, str]:
    """Return the versions that the results depend on."""
    return {
        "musc2": version("musc2"),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "Python": platform.python_version(),
    }
