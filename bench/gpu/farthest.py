"""Compare farthest_points by messages with that by barriers, then time both: a stage of first_call.

A process of its own, because instructions that never ran on a GPU may hang it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from bench.gpu import points
from bench.gpu.bench import Bench
from bench.gpu.checks import Checks
from bench.gpu.comparisons import equal
from bench.gpu.timings import ROUNDS
from bench.gpu.variables import variable
from bench.gpu.works import Work
from musc2 import ops

SETTING, MESSAGES, BARRIERS = "MUSC2_FARTHEST", "async", ""
# Clouds, points of each, picks: clusters of 2, 4 and 8 blocks, and points that none can hold.
SHAPES = ((3, 10_300, 1024), (64, 20_000, 200), (4, 41_000, 300), (3, 90_000, 50))
REHEARSED = ((2, 10_300, 6), (1, 20_600, 6))
EQUAL_DISTANCES = 16  # a coordinate takes so many values in every other cloud


def agreement(checks: Checks, name: str, shape: tuple[int, int, int]) -> dict[str, Any]:
    """Return how the picks compare with those of the CPU, by either way."""
    clouds, size, count = shape
    made = torch.rand(clouds, size, 3, generator=torch.Generator().manual_seed(0))
    made[1::2] = made[1::2].mul(EQUAL_DISTANCES).round()
    packed, offsets = made.flatten(0, 1), points.offsets_of(made)
    expected = ops.farthest_points(packed, count, offsets=offsets)
    figures = {}
    for way, setting in (("barriers", BARRIERS), ("messages", MESSAGES)):
        with variable(SETTING, setting), checks.kernels():
            picks = ops.farthest_points(packed.to(checks.device), count, offsets=offsets)
            checks.wait(name)
        figures[f"differing by {way}"] = equal((), [picks.cpu()], [expected])["differing"]
    return figures


def works(bench: Bench) -> Iterator[Work]:
    """Yield what to measure: clusters of 2 blocks, then of 8."""
    scans, shuffled = points.batch(bench, shuffled=False), points.batch(bench, shuffled=True)
    yield Work("farthest_points, scans", partial(contest, bench, scans))
    yield Work("farthest_points, points in random order", partial(contest, bench, shuffled))
    size = bench.size(50_000, 1000)
    large = torch.rand(
        16, size, 3, generator=torch.Generator(bench.device).manual_seed(0), device=bench.device
    )
    yield Work("farthest_points, 16 x 50000", partial(contest, bench, large))


def contest(bench: Bench, clouds: torch.Tensor) -> dict[str, Any]:
    """Return the time of either way."""
    packed, offsets = clouds.flatten(0, 1), points.offsets_of(clouds)
    count = bench.size(1024, 64)

    def sample() -> torch.Tensor:
        return ops.farthest_points(packed, count, offsets=offsets)

    with variable(SETTING, BARRIERS):
        by_barriers = bench.milliseconds(sample)
    with variable(SETTING, MESSAGES):
        by_messages = bench.milliseconds(sample)
    return {
        "size": f"{len(clouds)} x {clouds.shape[1]} -> {count}",
        "ms": by_messages,
        "ms by barriers": by_barriers,
        "times as fast": by_barriers / by_messages,
    }


def main() -> None:
    """Run the comparisons, then the timings."""
    checks = Checks(str(__doc__))
    if not checks.rehearsal and torch.cuda.get_device_capability() < (9, 0):
        why = f"skipped: {torch.cuda.get_device_name()} has no clusters"
        checks.record("everything", ok=None, error=why)
        return
    for shape in REHEARSED if checks.rehearsal else SHAPES:
        name = f"agrees on {'x'.join(map(str, shape))}"
        checks.check(name, partial(agreement, checks, name, shape))
    bench = Bench(checks.device, checks.rehearsal, rounds=ROUNDS, baselines=False)
    for work in works(bench):
        checks.check(work.name, work.run)


if __name__ == "__main__":
    main()
