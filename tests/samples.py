"""Small made-up tokens and clouds: noise around a pattern that all samples share."""

import numpy as np

from musc2 import Cloud


def image_tokens(rng, samples=6, layers=3, grid=(4, 5), channels=12):
    pattern = rng.standard_normal((1, layers, *grid, channels))
    return (pattern + 0.3 * rng.standard_normal((samples, layers, *grid, channels))).astype(
        np.float32
    )


def point_tokens(rng, samples=6, layers=3, groups=16, channels=10):
    pattern = rng.standard_normal((1, layers, groups, channels))
    return (pattern + 0.3 * rng.standard_normal((samples, layers, groups, channels))).astype(
        np.float32
    )


def clouds(rng, samples=6, groups=16, size=(24, 20), *, pixels=True):
    """A bumpy sheet over the inner part of the map; a third of the centers count as curved."""
    rows, columns = (grid.ravel() for grid in np.mgrid[3 : size[0] - 3, 2 : size[1] - 2])
    found = []
    for _ in range(samples):
        heights = 0.1 * rng.random(len(rows))
        points = np.stack([rows / size[0], columns / size[1], heights], 1).astype(np.float32)
        curvature = np.where(np.arange(groups) % 3 == 0, 0.05, 0.001).astype(np.float32)
        where = {"pixels": rows * size[1] + columns, "size": size} if pixels else {}
        centers = np.sort(rng.choice(len(points), groups, replace=False))
        found.append(Cloud(points=points, centers=centers, curvature=curvature, **where))
    return found


def end_to_end(golden):
    """The published end-to-end set as arguments of score_tokens."""
    g = golden("end_to_end_fp32")
    found = []
    for n in range(8):
        pixels = g[f"nonzero_idx_{n}"]
        points = g["point_cloud"][n].reshape(3, -1).T[pixels]
        centers, curvature = g[f"center_idx_{n}"], g[f"curvatures_{n}"]
        found.append(
            Cloud(points=points, pixels=pixels, centers=centers, curvature=curvature, size=(64, 64))
        )
    return g, g["tokens_2d"][:, :, 1:].reshape(8, 3, 8, 8, 48), g["tokens_3d"], found
