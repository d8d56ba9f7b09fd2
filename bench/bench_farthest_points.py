"""1,024 farthest points of 20,000 on a surface, on one thread, against the best exact variant of fpsample."""

import time

import fpsample
import numpy as np
import torch
from clouds import surface
from contest import Sides, contest

from musc2.ops import farthest_points


def seconds(function) -> float:
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def prepare() -> Sides:
    points = surface(20_000)
    tensor = torch.from_numpy(points)
    # Its bucketed variants are exact but begin at a point of their own choice: ours begins there too.
    variants = [lambda h=h: fpsample.bucket_fps_kdline_sampling(points, 1024, h=h, start_idx=0) for h in range(3, 10)]
    variants.append(lambda: fpsample.bucket_fps_kdtree_sampling(points, 1024, start_idx=0))
    best = min(variants, key=lambda variant: min(seconds(variant) for _ in range(5)))
    start = int(best()[0])
    return Sides(
        ours=lambda: farthest_points(tensor, 1024, start=start),
        baseline=best,
        check=lambda ours, baseline: np.testing.assert_array_equal(ours.numpy(), baseline.astype(np.int32)),
    )


test_farthest_points = contest("farthest_points 20000 -> 1024, 1 thread", target=1.0, prepare=prepare, threads=1)
