"""Launch one kernel at full size, for a profiler: python -m bench.gpu.one_kernel NAME"""

from __future__ import annotations

import sys

import numpy as np
import torch

from bench.clouds import scan
from bench.gpu.bench import Bench
from bench.gpu.patches import searching_by, unit_features
from musc2 import ops

# Name -> the kernel's own name, and how the search is done.
KERNELS = {
    "search, portable": ("search_panel", "0"),
    "search, clusters of 2": ("search_panel", "2"),
    "farthest_points": ("sample", "0"),
    "pool_grid": ("pool", "0"),
}


def launch(name: str) -> None:
    """Launch the kernel, after what it needs."""
    if name == "farthest_points":
        rng = np.random.default_rng(0)
        clouds = np.concatenate([scan(rng)[0] for _ in range(64)])
        offsets = [20_000 * cloud for cloud in range(65)]
        ops.farthest_points(torch.from_numpy(clouds).cuda(), 1024, offsets=offsets)
    elif name == "pool_grid":
        ops.pool_grid(0.05 * torch.randn(150, 28, 28, 768, device="cuda"))
    else:
        bench = Bench(torch.device("cuda"), rehearsal=False)
        z = unit_features(bench, (100, 784, 768)).bfloat16()
        ops.nearest_patches(z, precision="bfloat16")
    torch.cuda.synchronize()


if __name__ == "__main__":
    with searching_by(KERNELS[sys.argv[1]][1]):
        launch(sys.argv[1])
