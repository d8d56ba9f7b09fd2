"""256 neighbors of 1,024 spread-out points of a surface of 20,000, on one thread, against scipy with its tree."""

import numpy as np
import torch
from clouds import surface
from contest import Sides, contest
from scipy.spatial import cKDTree

from musc2.ops import farthest_points, nearest_points


def check(ours, baseline) -> None:
    np.testing.assert_allclose(ours[1].sqrt(), baseline[0], rtol=1e-5, atol=1e-7)
    assert (ours[0].numpy() == baseline[1]).mean() > 0.999


def prepare() -> Sides:
    points = surface(20_000)
    queries = points[farthest_points(points, 1024)]
    points_here, queries_here = torch.from_numpy(points), torch.from_numpy(queries)
    return Sides(
        ours=lambda: nearest_points(points_here, queries_here, 256),
        baseline=lambda: cKDTree(points).query(queries, k=256),
        check=check,
    )


test_nearest_points = contest("nearest_points 1024 in 20000, k=256, 1 thread", target=2.0, prepare=prepare, threads=1)
