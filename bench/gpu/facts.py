"""Say what this machine is: a stage of ``first_call``. It needs no package, and takes no time."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.gpu.compiler import tool
from bench.gpu.findings import Finding, append
from bench.gpu.machine import facts, output_of

TOOLS = ("ncu", "compute-sanitizer", "nvcc", "cmake", "ninja")
DEVICE = Path("/dev/nvidiactl")
STATE = "--query-gpu=pstate,temperature.gpu,power.draw,clocks.sm"


def main() -> None:
    """Write two findings: the machine, and its GPU."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=Path, required=True)
    parser.add_argument("--rehearse", action="store_true")
    arguments, _ = parser.parse_known_args()
    about = facts()
    tools = {name: tool(name) or "" for name in TOOLS}
    figures = {**about, **tools, "rehearsal": arguments.rehearse}
    machine = Finding(stage="facts", name="machine", ok=True, figures=figures)
    append(arguments.findings, machine)
    ok: bool | None = True
    error = ""
    if arguments.rehearse:
        ok, error = None, "skipped: no GPU"
    elif not about["gpu"] and not DEVICE.exists():
        ok, error = False, f"nvidia-smi names no GPU, and there is no {DEVICE}"
    state = {"state": output_of("nvidia-smi", STATE)}
    gpu = Finding(stage="facts", name="gpu", ok=ok, figures=state, error=error)
    append(arguments.findings, gpu)


if __name__ == "__main__":
    main()
