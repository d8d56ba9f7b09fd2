"""Time an op and its baseline in one run, after a check that their results agree.

    test_lowest_mean = benchmark("lowest_mean 50x784x50", target=1.0, prepare=prepare)

makes a pytest-benchmark test with the sides "candidate" and "baseline" in one group; ``prepare``
returns a Case.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from musc2 import _cpu

SIDES = ("candidate", "baseline")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Two functions to time, and the check of their results that runs before either is timed."""

    candidate: Callable[[], Any]
    baseline: Callable[[], Any]
    check: Callable[[Any, Any], None]

    def sides(self) -> dict[str, Callable[[], Any]]:
        """Return the functions by the names of ``SIDES``."""
        return {"candidate": self.candidate, "baseline": self.baseline}


def benchmark(
    name: str, *, target: float, prepare: Callable[[], Case], threads: int = 2
) -> Callable[..., None]:
    """Return a test of both sides.

    target: how many times faster than the baseline the candidate is to be.
    """

    @functools.cache
    def checked() -> tuple[Case, dict[str, float]]:
        case = prepare()
        seconds: dict[str, float] = {}
        results: dict[str, Any] = {}
        for side, function in case.sides().items():
            start = time.perf_counter()
            results[side] = function()
            seconds[side] = time.perf_counter() - start
        case.check(results["candidate"], results["baseline"])
        return case, seconds

    @pytest.mark.parametrize("side", SIDES)
    def test(benchmark: Any, side: str) -> None:  # the fixture of pytest-benchmark
        torch.set_num_threads(threads)
        _cpu.set_num_threads(threads)
        case, seconds = checked()
        rounds = max(1, min(50, round(1.0 / seconds[side])))
        benchmark.group = name
        benchmark.extra_info.update(side=side, target=target, threads=threads)
        warmup_rounds = int(seconds[side] < 1)
        benchmark.pedantic(case.sides()[side], rounds=rounds, warmup_rounds=warmup_rounds)

    return test
