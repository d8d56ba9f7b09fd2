import numpy as np


def cluster_grid(xyz, eps, min_points, foreground):
    chosen = np.flatnonzero(foreground)
    points = xyz.reshape(-1, 3)[chosen].astype(np.float64)
    near = ((points[:, None] - points) ** 2).sum(-1) <= eps**2
    core, found = near.sum(1) >= min_points, np.full(len(points), -1)
    for start in np.flatnonzero(core):
        if found[start] < 0:
            number, reached = found.max() + 1, [start]
            while reached:
                point = reached.pop()
                if found[point] < 0:
                    found[point] = number
                    reached += list(np.flatnonzero(near[point])) if core[point] else []
    labels = np.full(xyz.shape[:2], -1)
    labels.flat[chosen] = found
    return labels
