"""The steps of bench/gpu_check.sh, each with a time limit. A step that fails does not keep the next from running."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gpu.build import build
from gpu.machine import facts
from gpu.one_block import nvcc

ROOT = Path(__file__).parents[2]
DEADLINE = 530.0  # seconds for everything
SANITIZED = "(cuda and (tiny or ties)) or several_streams"
SANITIZER_PLACES = ("/usr/local/cuda/bin", "/opt/nvidia/compute-sanitizer")


@dataclass(frozen=True)
class Step:
    """A command that may take ``limit`` seconds, or the reason why it is left out."""

    name: str
    commands: list[list[str]]
    limit: float
    left_out: str = ""


def missing(rehearsal: bool) -> Iterator[str]:
    """What this machine lacks."""
    if not rehearsal and not torch.cuda.is_available():
        yield f"a GPU that torch {torch.__version__} can use"
    if not shutil.which("cmake") or not shutil.which("ninja"):
        yield "cmake and ninja on PATH"
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        yield f"Python.h in {sysconfig.get_paths()['include']}"
    for module in ("numpy", "pybind11", "pytest", "PIL", "tifffile", "tqdm"):
        if importlib.util.find_spec(module) is None:
            yield f"the Python package {module}"
    try:
        nvcc()
    except FileNotFoundError as error:
        yield str(error)


def steps(work: Path, out: Path, rehearsal: bool) -> list[Step]:
    """Build, tests, sanitizers, benches."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # The versions of packages are this machine's own: what they deprecate is no fault of ours.
    suite = [*pytest, "--continue-on-collection-errors", "-W", "default"]
    suite += ["-n", "8"] if importlib.util.find_spec("xdist") else []
    if rehearsal:
        suite += ["tests/cuda", "tests/test_cuda.py", "tests/test_layout.py"]
    tool = shutil.which("compute-sanitizer", path=os.pathsep.join([os.environ["PATH"], *SANITIZER_PLACES]))
    without = "" if tool and not rehearsal else "no GPU" if rehearsal else "no compute-sanitizer"
    options = ["--kernel-name", "kns=musc2", "--error-exitcode", "9", "--print-limit", "20"]
    benches = [sys.executable, "-m", "gpu.run", "--out", str(out / "gpu-bench.json")]
    architecture = "90" if rehearsal else "{}{}".format(*torch.cuda.get_device_capability())
    return [
        Step("build", build(ROOT, work, architecture), 150),
        Step("tests", [suite], 170),
        *(
            Step(
                check,
                [[str(tool), "--tool", check, *options, *pytest, "-k", SANITIZED, "tests/ops", "tests/cuda"]],
                55,
                without,
            )
            for check in ("memcheck", "racecheck")
        ),
        Step("benches", [benches + ["--rehearse"] * rehearsal], DEADLINE),
    ]


def run(step: Step, left: float, log: Callable[[str], None], environment: dict[str, str]) -> dict[str, Any]:
    """The record of a step."""
    log(f"\n== {step.name}")
    begin, status = time.monotonic(), "passed"
    if step.left_out:
        log(f"left out: {step.left_out}")
        return {"name": step.name, "status": f"left out: {step.left_out}", "seconds": 0.0}
    for command in step.commands:
        if (status := execute(command, begin + min(step.limit, left), log, environment)) != "passed":
            break
    seconds = round(time.monotonic() - begin, 1)
    log(f"== {step.name} {status}, {seconds} s")
    return {"name": step.name, "status": status, "seconds": seconds}


def execute(command: list[str], until: float, log: Callable[[str], None], environment: dict[str, str]) -> str:
    """ "passed" or what went wrong, with the output logged as it comes."""
    limit = max(1, round(until - time.monotonic()))
    process = subprocess.Popen(
        ["timeout", "--kill-after=5", str(limit), *command],
        cwd=ROOT,
        env=environment,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    for line in process.stdout:
        log(line.rstrip("\n"))
    code = process.wait()
    return {0: "passed", 124: "out of time", 137: "out of time"}.get(code, f"failed with {code}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="gpu_check.sh", description="Checks everything that only a GPU can show.")
    parser.add_argument("--out", type=Path, default=ROOT / "bench/results")
    parser.add_argument("--rehearse", action="store_true", help="without a GPU, as far as it goes")
    arguments = parser.parse_args()
    begin, out = time.monotonic(), arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    if lacking := list(missing(arguments.rehearse)):
        sys.exit(f"gpu_check: this machine lacks {'; '.join(lacking)}")
    record: dict[str, Any] = {"rehearsal": arguments.rehearse, "machine": facts(), "steps": []}
    with tempfile.TemporaryDirectory() as folder, (out / "gpu-check.log").open("w") as file:

        def log(line: str) -> None:
            print(line, flush=True)
            file.write(line + "\n")
            file.flush()

        log(json.dumps(record["machine"], indent=1))
        paths = [f"{folder}/site", str(ROOT / "bench"), os.environ.get("PYTHONPATH", "")]
        # Without torch's cache every array is an allocation of its own, beyond whose end memcheck sees.
        plain = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUNBUFFERED": "1"}
        watched = plain | {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
        for step in steps(Path(folder), out, arguments.rehearse):
            environment = watched if step.name == "memcheck" else plain
            record["steps"].append(run(step, DEADLINE - (time.monotonic() - begin), log, environment))
            (out / "gpu-check.json").write_text(json.dumps(record, indent=1) + "\n")
        for done in record["steps"]:
            log(f"{done['name']:10} {done['status']:12} {done['seconds']:6.1f} s")
    return int(any(done["status"] not in ("passed", "left out: no compute-sanitizer") for done in record["steps"]))


if __name__ == "__main__":
    sys.exit(main())
