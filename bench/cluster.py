"""Time two workers of one thread beside one process of one thread, and a cluster's overhead.

    python -m bench.cluster [--count 200] [--few 20] [--size 224]

Both must give the same scores before a ratio is printed. Ray is started once, outside of the times.
Its workers get the priority of the process beside them; by default Ray gives them less.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from typing import Any

import torch

import musc2
from musc2 import Config, datasets

WORKERS = 2


def compare(count: int, size: int) -> tuple[float, float]:
    """Return the seconds of one process and of the workers for ``count`` parts."""
    images = datasets.synthetic.parts(count, size=size).rgb
    options: dict[str, Any] = {"encoder_2d": "texture", "config": Config(input_size=size)}
    start = time.perf_counter()
    alone = musc2.score(images, **options)
    middle = time.perf_counter()
    spread = musc2.score(images, cluster="ray", **options)
    end = time.perf_counter()
    for name in ("scores", "raw_scores", "patch_scores_2d"):
        torch.testing.assert_close(getattr(spread, name), getattr(alone, name), rtol=0, atol=0)
    return middle - start, end - middle


def main() -> None:
    import ray

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--size", type=int, default=224)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    musc2.set_num_threads(1)
    torch.set_num_threads(1)
    os.environ.setdefault("RAY_worker_niceness", "0")
    start = time.perf_counter()
    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    print(f"Ray started in {time.perf_counter() - start:.1f} s; load {os.getloadavg()}")
    compare(9, 64)  # workers import musc2 once
    print("| parts | one process, s | two workers, s | ratio |\n| --- | --- | --- | --- |")
    for count in (options.few, options.count):
        alone, spread = compare(count, options.size)
        print(f"| {count} | {alone:.2f} | {spread:.2f} | {alone / spread:.2f} |", flush=True)
    print(f"load {os.getloadavg()}")
    ray.shutdown()


if __name__ == "__main__":
    main()
