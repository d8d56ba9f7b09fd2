"""Times work on a GPU, and holds it against its goals. A rehearsal does the same on the CPU, in small, once."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

WARM_UP, ROUNDS = 3, 20


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What is asked of a figure: at least or at most so much."""

    what: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    def record(self) -> dict[str, Any]:
        """For the JSON file."""
        met = (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )
        bound = {"at_least": self.at_least} if self.at_most is None else {"at_most": self.at_most}
        return {"what": self.what, "value": self.value, **bound, "met": met}


@dataclass(frozen=True)
class Bench:
    """The device to run on, and how large."""

    device: torch.device
    rehearsal: bool

    def size(self, full: int, small: int) -> int:
        """``small`` in a rehearsal."""
        return small if self.rehearsal else full

    def milliseconds(self, function: Callable[[], Any]) -> float:
        """The median time of a call, by CUDA events."""
        if self.rehearsal:
            begin = time.perf_counter()
            function()
            return (time.perf_counter() - begin) * 1e3
        for _ in range(WARM_UP):
            function()
        times = []
        for _ in range(ROUNDS):
            before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            before.record()
            function()
            after.record()
            after.synchronize()
            times.append(before.elapsed_time(after))
        return statistics.median(times)

    def extra_bytes(self, function: Callable[[], torch.Tensor]) -> int:
        """The peak memory of a call beyond what was there before and what it returns."""
        if self.rehearsal:
            return 0
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = function()
        return torch.cuda.max_memory_allocated() - before - result.nbytes

    def contest(
        self,
        name: str,
        ours: Callable[[], Any],
        baselines: Mapping[str, Callable[[], Any]],
        goals: Callable[[float, Mapping[str, float]], list[Goal]] = lambda ours, baselines: [],
    ) -> dict[str, Any]:
        """The times of all sides, in turn, and what ``goals(milliseconds of ours, of the baselines)`` says of them."""
        time_of_ours = self.milliseconds(ours)
        times = {side: self.milliseconds(baseline) for side, baseline in baselines.items()}
        return {
            "name": name,
            "ms": time_of_ours,
            "baselines_ms": times,
            "ratios": {side: value / time_of_ours for side, value in times.items()},
            "goals": [goal.record() for goal in goals(time_of_ours, times)],
        }
