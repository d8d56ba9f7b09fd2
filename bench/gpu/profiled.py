"""What a profiler's trace says of a call: synchronisations, launches, copies, kernels."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

SYNCHRONISATIONS = (
    "cudaStreamSynchronize",
    "cudaDeviceSynchronize",
    "cudaEventSynchronize",
    "cudaMemcpy",
)
LAUNCHES = ("cudaLaunchKernel", "cudaLaunchKernelExC", "cuLaunchKernel", "cuLaunchKernelEx")
MOST_KERNELS = 30
MOST_LETTERS = 120  # of a kernel's name


def profile(call: Callable[[], object], folder: Path) -> dict[str, Any]:
    """Return the figures of one call. The profiler does not watch torch's operations themselves."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        call()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    trace = folder / "trace.json"
    profiler.export_chrome_trace(str(trace))
    return figures(json.loads(trace.read_text(encoding="utf-8")))


def figures(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Return counts and times of a Chrome trace; a waiting copy counts as a synchronisation."""
    calls: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    bytes_of: Counter[str] = Counter()
    times: defaultdict[str, float] = defaultdict(float)
    counts: Counter[str] = Counter()
    for event in trace["traceEvents"]:
        category, name = event.get("cat", ""), event.get("name", "")
        if category in ("cuda_runtime", "cuda_driver"):
            calls[name] += 1
        elif category == "kernel":
            times[name] += event["dur"] / 1e3
            counts[name] += 1
        elif category == "gpu_memcpy":
            copies[name] += 1
            bytes_of[name] += int(event.get("args", {}).get("bytes", 0))
    longest = sorted(times, key=lambda name: -times[name])[:MOST_KERNELS]
    return {
        "synchronisations": sum(calls[name] for name in SYNCHRONISATIONS),
        "launches": sum(calls[name] for name in LAUNCHES),
        "copies": sum(copies.values()),
        "pageable copies": sum(count for name, count in copies.items() if "Pageable" in name),
        "bytes copied": sum(bytes_of.values()),
        "kernels": sum(counts.values()),
        "kernel ms": round(sum(times.values()), 3),
        "copies by kind": dict(copies),
        "calls": dict(calls.most_common(20)),
        "longest kernels": [
            {"name": name[:MOST_LETTERS], "ms": round(times[name], 3), "count": counts[name]}
            for name in longest
        ],
    }
