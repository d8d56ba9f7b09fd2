import numpy as np


def farthest_points(points, count, start=0, skip_radius=0.0, precision=np.float64):
    x, y, z = points.astype(precision).T
    skip_norm2 = skip_radius**2 if skip_radius > 0 else -1
    may_pick = (x * x + y * y) + z * z > skip_norm2
    nearest = np.where(may_pick, np.inf, -1).astype(precision)
    picks = [start]
    while len(picks) < count:
        dx, dy, dz = x - x[picks[-1]], y - y[picks[-1]], z - z[picks[-1]]
        nearest = np.minimum(nearest, (dx * dx + dy * dy) + dz * dz)
        picks.append(int(nearest.argmax()) if may_pick.any() else 0)
    return picks
