"""Time work on a GPU, and compare it with its goals. A rehearsal runs once, on the CPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

WARM_UP = 2


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A bound that a figure should keep."""

    what: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    def record(self) -> dict[str, Any]:
        """Return it for the JSON file."""
        met = (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )
        bound = {"at_least": self.at_least} if self.at_most is None else {"at_most": self.at_most}
        return {"what": self.what, "value": self.value, **bound, "met": met}


def no_goals(ours: float, baselines: Mapping[str, float]) -> list[Goal]:
    """Return the goals of work that has none."""
    return []


@dataclass(frozen=True)
class Bench:
    """The device to run on, how large the inputs are, how often work is timed, and against what."""

    device: torch.device
    rehearsal: bool
    rounds: int = 20
    baselines: bool = True  # without them nothing is compared: ``agreement`` has done that

    def size(self, full: int, small: int) -> int:
        """Return ``small`` in a rehearsal."""
        return small if self.rehearsal else full

    def milliseconds(self, function: Callable[[], Any]) -> float:
        """Return the median time of a call, by CUDA events."""
        if self.rehearsal:
            begin = time.perf_counter()
            function()
            return (time.perf_counter() - begin) * 1e3
        for _ in range(WARM_UP):
            function()
        times = []
        for _ in range(self.rounds):
            before = torch.cuda.Event(enable_timing=True)
            after = torch.cuda.Event(enable_timing=True)
            before.record()
            function()
            after.record()
            after.synchronize()
            times.append(before.elapsed_time(after))
        return statistics.median(times)

    def extra_bytes(self, function: Callable[[], torch.Tensor]) -> int:
        """Return the peak memory of a call beyond what was in use before and what it returns."""
        if self.rehearsal:
            return 0
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = function()
        return torch.cuda.max_memory_allocated() - before - result.nbytes

    def contest(
        self,
        size: str,
        ours: Callable[[], Any],
        baselines: Mapping[str, Callable[[], Any]],
        check: Callable[[], None],
        goals: Callable[[float, Mapping[str, float]], list[Goal]] = no_goals,
    ) -> dict[str, Any]:
        """Check, then time all sides; ``goals`` are asked with the milliseconds of each."""
        rivals = baselines if self.baselines else {}
        if rivals:
            check()
        time_of_ours = self.milliseconds(ours)
        times = {side: self.milliseconds(baseline) for side, baseline in rivals.items()}
        return {
            "size": size,
            "ms": time_of_ours,
            "baselines_ms": times,
            "ratios": {side: value / time_of_ours for side, value in times.items()},
            "goals": [goal.record() for goal in goals(time_of_ours, times)],
        }
