"""Print how the time and memory of nearest_patches grow from N to 2N samples.

    python -m bench.scaling

For each N: seconds, their ratio to those of the row before (4 for N^2 where N doubles), and the
peak memory of a fresh process above what it held before the call and what the call returned.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time


def measure(samples: int, patches: int, channels: int) -> tuple[float, int]:
    """Return the median seconds of a call and the extra memory of the first in KiB.

    Call it once in a fresh process: torch is imported here, to keep it out of the parent.
    """
    import torch

    from musc2 import ops

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    z = torch.randn(samples, patches, channels)
    ops.nearest_patches(z[:2])
    before = peak()
    start = time.perf_counter()
    d = ops.nearest_patches(z)
    durations = [time.perf_counter() - start]
    extra = peak() - before - d.numel() * 4 // 1024
    while sum(durations) < 3 and len(durations) < 9:
        start = time.perf_counter()
        ops.nearest_patches(z)
        durations.append(time.perf_counter() - start)
    return statistics.median(durations), extra


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patches", type=int, default=784)
    parser.add_argument("--channels", type=int, default=768)
    parser.add_argument("--samples", type=int, nargs="+", default=[25, 50, 100, 200])
    arguments = parser.parse_args()
    fresh = multiprocessing.get_context("spawn")
    print(f"{'N':>5} {'seconds':>9} {'factor':>7} {'extra MiB':>10}")
    previous = None
    for samples in arguments.samples:
        size = samples, arguments.patches, arguments.channels
        with fresh.Pool(1) as process:
            seconds, extra = process.apply(measure, size)
        factor = " " * 7 if previous is None else f"{seconds / previous:7.2f}"
        print(f"{samples:5} {seconds:9.2f} {factor} {extra / 1024:10.1f}", flush=True)
        previous = seconds


if __name__ == "__main__":
    main()
