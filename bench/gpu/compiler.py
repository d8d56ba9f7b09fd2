"""NVIDIA's compiler and tools on this machine, also where they are not on PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

TOOL_FOLDERS = ("/usr/local/cuda/bin", "/opt/nvidia/compute-sanitizer")


def tool(name: str) -> str | None:
    """Return the path of a tool."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *TOOL_FOLDERS]))


def nvcc() -> str:
    """Return the path of nvcc, also where it is not on PATH."""
    homes = [os.environ.get(name, "") for name in ("CUDA_HOME", "CUDA_PATH")] + ["/usr/local/cuda"]
    candidates = [os.environ.get("CUDACXX"), shutil.which("nvcc")]
    candidates += [f"{home}/bin/nvcc" for home in homes if home]
    for candidate in candidates:
        if candidate and Path(candidate).exists():
            return candidate
    msg = "no nvcc: not in CUDACXX, on PATH, under CUDA_HOME or /usr/local/cuda"
    raise FileNotFoundError(msg)
