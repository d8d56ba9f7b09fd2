"""Run the tests of the cuda backend as far as time allows: a stage of ``first_call``."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bench.gpu.checks import Checks

ROOT = Path(__file__).parents[2]
# Of pytest-xdist and of pytest alone; the summary at the end repeats failures in another form.
VERDICT = re.compile(r"^\[gw\d+\] \[\s*\d+%\] (PASSED|FAILED|ERROR|SKIPPED) (tests/\S.*)$")
PLAIN = re.compile(r"^(tests/\S.*?) (PASSED|FAILED|ERROR|SKIPPED)")
MOST_FAILURES = 40


def command() -> list[str]:
    """Return pytest with the plugins that are installed. What packages deprecate is no failure."""
    tests = [sys.executable, "-m", "pytest", "-k", "cuda", "-v", "--tb=line"]
    tests += ["-p", "no:cacheprovider", "-W", "default", "--continue-on-collection-errors"]
    if importlib.util.find_spec("xdist") is not None:
        tests += ["-n", "8"]
    if importlib.util.find_spec("pytest_timeout") is not None:
        tests += ["--timeout", "20"]
    return tests


def verdict(line: str) -> tuple[str, str] | None:
    """Return what a line of pytest says of a test: ("PASSED", its name)."""
    if match := VERDICT.match(line):
        return match[1], match[2].strip()
    if match := PLAIN.match(line):
        return match[2], match[1]
    return None


def main() -> None:
    """Record each failure as it comes, and the counts at the end or when time is out."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, required=True)

    checks = Checks(str(__doc__), add_arguments)
    counts: Counter[str] = Counter()
    until = time.monotonic() + checks.arguments.seconds
    tests = ["timeout", "--kill-after=3", f"{checks.arguments.seconds:.0f}", *command()]
    process = subprocess.Popen(
        tests,
        cwd=ROOT,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="", flush=True)
        if (result := verdict(line.rstrip())) is None:
            continue
        counts[result[0]] += 1
        failures = counts["FAILED"] + counts["ERROR"]
        if result[0] in ("FAILED", "ERROR") and failures <= MOST_FAILURES:
            checks.record(result[1], ok=False, error=result[0])
    status = process.wait()
    error = f"exit status {status}" if status else ""
    if time.monotonic() > until:
        error = "stopped when time was out"
    checks.record("all", ok=status == 0, figures=dict(counts), error=error)


if __name__ == "__main__":
    main()
