import numpy as np


def cluster_grid(xyz, eps, min_points, foreground):
    chosen = np.flatnonzero(foreground)
    points = xyz.reshape(-1, 3)[chosen].astype(np.float64)
    near = ((points[:, None] - points) ** 2).sum(-1) <= eps**2
    core = near.sum(1) >= min_points
    clusters = np.full(len(points), -1)
    for start in np.flatnonzero(core):
        if clusters[start] < 0:
            number, reached = clusters.max() + 1, [start]
            while reached:
                point = reached.pop()
                if clusters[point] < 0:
                    clusters[point] = number
                    reached += list(np.flatnonzero(near[point])) if core[point] else []
    labels = np.full(xyz.shape[:2], -1)
    labels.flat[chosen] = clusters
    return labels
