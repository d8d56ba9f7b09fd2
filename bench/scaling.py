"""How nearest_patches grows: time and peak extra memory from N to 2N samples. python bench/scaling.py [--precision P]

Prints, for each N, seconds, the factor against half of it (N^2 would be 4) and the peak memory of a fresh process above
what it held before the call and what the call returned.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

CHILD = """
import resource, statistics, sys, time, torch, musc2
samples, patches, channels, precision = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
z = torch.randn(samples, patches, channels)
musc2.ops.nearest_patches(z[:2], precision=precision)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
start = time.perf_counter()
d = musc2.ops.nearest_patches(z, precision=precision)
times = [time.perf_counter() - start]
extra = peak() - before - d.numel() * 4 // 1024
while sum(times) < 3 and len(times) < 9:
    start = time.perf_counter()
    musc2.ops.nearest_patches(z, precision=precision)
    times.append(time.perf_counter() - start)
print(statistics.median(times), extra)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--patches", type=int, default=784)
    parser.add_argument("--channels", type=int, default=768)
    parser.add_argument("--samples", type=int, nargs="+", default=[25, 50, 100, 200])
    arguments = parser.parse_args()
    print(f"{'N':>5} {'seconds':>9} {'factor':>7} {'extra MiB':>10}")
    last = None
    for samples in arguments.samples:
        command = [sys.executable, "-c", CHILD, str(samples), str(arguments.patches), str(arguments.channels)]
        child = subprocess.run([*command, arguments.precision], capture_output=True, text=True, check=True)
        seconds, extra = child.stdout.split()
        factor = f"{float(seconds) / last:7.2f}" if last else " " * 7
        print(f"{samples:5} {float(seconds):9.2f} {factor} {int(extra) / 1024:10.1f}", flush=True)
        last = float(seconds)


if __name__ == "__main__":
    main()
