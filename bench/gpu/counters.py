"""Read the hardware counters of four kernels by Nsight Compute: a stage of ``first_call``."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from functools import partial
from typing import Any

from bench.gpu.checks import Checks
from bench.gpu.compiler import tool
from bench.gpu.one_kernel import KERNELS

# Clocks stay as they are; one launch is replayed for all counters.
OPTIONS = ("--clock-control", "none", "--launch-count", "1", "--set", "detailed", "--csv")


def read(output: str) -> dict[str, float | str]:
    """Return metric -> value out of what ncu prints, the unit in the metric's name."""
    lines = output.splitlines()
    heads = [number for number, line in enumerate(lines) if line.startswith('"ID"')]
    if not heads:
        msg = f"ncu printed no table: {output[-600:]}"
        raise ValueError(msg)
    metrics: dict[str, float | str] = {}
    for row in csv.DictReader(io.StringIO("\n".join(lines[heads[0] :]))):
        name, unit, value = (row.get(f"Metric {part}") for part in ("Name", "Unit", "Value"))
        if name and value:
            metrics[f"{name} [{unit}]" if unit else name] = number(value)
    return metrics


def number(text: str) -> float | str:
    """Return a value as a number, where it is one."""
    try:
        return float(text.replace(",", ""))
    except ValueError:
        return text


def measure(ncu: str, name: str) -> dict[str, Any]:
    """Return the metrics of one kernel."""
    kernel, _ = KERNELS[name]
    chosen = ["--kernel-name", f"regex:^{kernel}$"]
    command = [ncu, *OPTIONS, *chosen, sys.executable, "-m", "bench.gpu.one_kernel", name]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        msg = f"ncu ended with {finished.returncode}: {(finished.stdout + finished.stderr)[-600:]}"
        raise RuntimeError(msg)
    return dict(read(finished.stdout))


def main() -> None:
    """Record the metrics of each kernel."""
    checks = Checks(str(__doc__))
    ncu = tool("ncu")
    if ncu is None:
        checks.record("everything", ok=None, error="skipped: no ncu on this machine")
        return
    for name in KERNELS:
        checks.check(name, partial(measure, ncu, name))


if __name__ == "__main__":
    main()
