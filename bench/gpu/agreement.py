"""Compare the GPU's kernels with the CPU's, op by op: a stage of ``first_call``.

A check whose GPU never answers is named, and the next one goes on in another process.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

import torch

from bench.gpu import patch_cases, point_cases, scan_cases, token_cases
from bench.gpu.cases import REAL, SMALL, TINY, Case
from bench.gpu.checks import NO_GPU, Checks

FAMILIES = (point_cases, scan_cases, token_cases, patch_cases)  # the simplest kernels first


def compare(checks: Checks, case: Case) -> dict[str, Any]:
    """Return the figures of a case, or raise what it says about its results."""
    inputs = case.inputs()
    expected = case.expected(*inputs)
    sent = tuple(array.to(checks.device) for array in inputs)
    with checks.kernels():
        results = case.call(*sent)
        checks.wait(case.name)
    return case.agree(inputs, tuple(result.cpu() for result in results), expected)


def main() -> None:
    """Run the cases of the sizes that are asked for."""

    def add_arguments(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--sizes", nargs="+", default=["small", "real"])

    checks = Checks(str(__doc__), add_arguments)
    # Memory that is allocated is filled with NaN, so that what a kernel leaves out shows.
    torch.use_deterministic_algorithms(True, warn_only=True)
    for size in (TINY, SMALL, REAL):
        if size.name not in checks.arguments.sizes:
            continue
        if checks.rehearsal and size is REAL:
            checks.record("real sizes", ok=None, error=NO_GPU)
            continue
        for family in FAMILIES:
            for case in family.cases(size):
                checks.check(case.name, partial(compare, checks, case))


if __name__ == "__main__":
    main()
