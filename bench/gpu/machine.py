"""What the results were measured on."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from functools import cache
from pathlib import Path

import torch
from gpu.one_block import nvcc


def facts() -> dict[str, str]:
    """GPU, driver, compiler, torch, date and commit; "" where something is not there."""
    name, driver, clock = [*said("nvidia-smi", "--query-gpu=name,driver_version,clocks.max.sm").split(", "), "", ""][:3]
    try:
        compiler = said(nvcc(), "--version").splitlines()[-2:-1]
    except FileNotFoundError:
        compiler = []
    return {
        "gpu": name,
        "driver": driver,
        "highest_clock": clock,
        "nvcc": "".join(compiler),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": os.environ.get("MUSC2_COMMIT") or said("git", "describe", "--always", "--dirty", "--abbrev=12"),
    }


@cache
def peak_clock() -> float:
    """The highest clock of the SMs in Hz."""
    return float(said("nvidia-smi", "--query-gpu=clocks.max.sm").split()[0]) * 1e6


def said(program: str, *arguments: str) -> str:
    """What a program prints, "" when it is not there or fails."""
    if program == "nvidia-smi":
        arguments = (*arguments, "--format=csv,noheader", "--id=0")
    try:
        finished = subprocess.run(
            [program, *arguments], capture_output=True, text=True, timeout=20, check=True, cwd=Path(__file__).parent
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return finished.stdout.strip()
