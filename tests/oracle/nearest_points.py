import numpy as np


def nearest_points(points, queries, k, precision=np.float64):
    offsets = points.astype(precision)[None] - queries.astype(precision)[:, None]
    x, y, z = offsets.transpose(2, 0, 1)
    distance2 = (x * x + y * y) + z * z
    index = np.argsort(distance2, 1, kind="stable")[:, :k]
    return index, np.take_along_axis(distance2, index, 1)
