"""A contest times our op and a baseline in the same run, after checking that they agree.

    test_lowest_mean = contest("lowest_mean 50x784x50", target=1.0, prepare=distances)

makes a pytest-benchmark test with the sides "ours" and "baseline" in one group; ``prepare`` returns a Sides.
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


@dataclass(frozen=True)
class Sides:
    """The two functions to time and the check, called with their results, that runs before either is timed."""

    ours: Callable[[], Any]
    baseline: Callable[[], Any]
    check: Callable[[Any, Any], None]


def contest(name: str, *, target: float, prepare: Callable[[], Sides], threads: int = 2) -> Callable[..., None]:
    """A test of two sides. ``target``: how many times faster than the baseline ours should be."""

    @functools.cache
    def prepared() -> tuple[Sides, dict[str, float]]:
        sides = prepare()
        seconds, results = {}, {}
        for side in ("ours", "baseline"):
            start = time.perf_counter()
            results[side] = getattr(sides, side)()
            seconds[side] = time.perf_counter() - start
        sides.check(results["ours"], results["baseline"])
        return sides, seconds

    @pytest.mark.parametrize("side", ["ours", "baseline"])
    def test(benchmark: Any, side: str) -> None:
        torch.set_num_threads(threads)
        _cpu.set_num_threads(threads)
        sides, seconds = prepared()
        rounds = max(1, min(50, round(1.0 / seconds[side])))
        benchmark.group = name
        benchmark.extra_info.update(side=side, target=target, threads=threads)
        benchmark.pedantic(getattr(sides, side), rounds=rounds, warmup_rounds=int(seconds[side] < 1))

    return test
