import numpy as np


def spread_points(points, centers, values, neighbors=3):
    def at(point):
        d2 = ((point.astype(np.float64) - centers) ** 2).sum(-1)
        nearest = np.argsort(d2, kind="stable")[:neighbors]
        weights = 1 / (d2[nearest] + 1e-8)
        return (weights * values[nearest]).sum() / weights.sum()

    return np.array([at(point) for point in points])
