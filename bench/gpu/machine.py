"""What the results were measured on."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.gpu.compiler import nvcc

QUERY = ("name", "compute_cap", "driver_version", "clocks.max.sm", "memory.total")


def facts() -> dict[str, str]:
    """Return GPU, driver, compiler, torch, date and commit; "" for what this machine lacks."""
    answer = output_of("nvidia-smi", f"--query-gpu={','.join(QUERY)}").split(", ")
    answer += [""] * (len(QUERY) - len(answer))
    name, capability, driver, clock, memory = answer
    try:
        compiler = output_of(nvcc(), "--version").splitlines()[-2:-1]
    except FileNotFoundError:
        compiler = []
    now = datetime.datetime.now(datetime.timezone.utc)
    commit = output_of("git", "describe", "--always", "--dirty", "--abbrev=12")
    return {
        "gpu": name,
        "capability": capability,
        "driver": driver,
        "highest_clock": clock,
        "memory": memory,
        "nvcc": "".join(compiler),
        "torch": version_of("torch"),
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
        "date": now.strftime("%Y-%m-%d %H:%M UTC"),
        "commit": os.environ.get("MUSC2_COMMIT") or commit,
    }


@cache
def peak_clock() -> float:
    """Return the highest clock of the SMs in Hz."""
    return float(output_of("nvidia-smi", "--query-gpu=clocks.max.sm").split()[0]) * 1e6


def version_of(package: str) -> str:
    """Return the version of a package, "" where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def output_of(program: str, *arguments: str) -> str:
    """Return what a program prints, "" where there is no such program or it fails."""
    if program == "nvidia-smi":
        arguments = (*arguments, "--format=csv,noheader", "--id=0")
    try:
        finished = subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return finished.stdout.strip()
