"""The versions and hardware that musc2 runs on."""

from __future__ import annotations

import importlib.util
import platform
import sys
from importlib.metadata import version

import torch

from musc2 import cuda
from musc2.ops._support import dispatch


def show_versions() -> None:
    """Print versions, instruction set, threads, CUDA and FAISS, for bug reports."""
    has_faiss = importlib.util.find_spec("faiss") is not None
    rows = {
        "musc2": version("musc2"),
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "instruction set": dispatch.isa(),
        "threads": dispatch.num_threads(),
        "CUDA": cuda.unavailable_reason() or "available",
        "FAISS": "in use" if has_faiss else "not installed: re-scoring searches with torch",
    }
    sys.stdout.writelines(f"{name:<16}{value}\n" for name, value in rows.items())
