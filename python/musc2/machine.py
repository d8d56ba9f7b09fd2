"""What musc2 found on this machine."""

from __future__ import annotations

import importlib.util
import sys
from importlib.metadata import version

import torch

from musc2 import cuda
from musc2.ops import native


def show_config() -> None:
    """Writes version, instruction set, threads, CUDA and FAISS to standard output."""
    with_faiss = importlib.util.find_spec("faiss") is not None
    rows = {
        "musc2": version("musc2"),
        "torch": torch.__version__,
        "instruction set": native.isa(),
        "threads": native.num_threads(),
        "CUDA": "available" if cuda.is_available() else cuda.why(),
        "FAISS": "in use" if with_faiss else "not installed: re-scoring searches with torch",
    }
    sys.stdout.writelines(f"{name:<16}{value}\n" for name, value in rows.items())
