import numpy as np


def point_normals(points, neighbors=24, sensor=(0, 0, -1)):
    points = points.astype(np.float64)
    raw, variation, index = np.empty_like(points), np.empty(len(points)), []
    for i, point in enumerate(points):
        nearest = np.argsort(((points - point) ** 2).sum(1), kind="stable")[:neighbors]
        offsets = points[nearest] - points[nearest].mean(0)
        values, axes = np.linalg.eigh(offsets.T @ offsets)
        raw[i] = axes[:, 0] if axes[:, 0] @ sensor >= 0 else -axes[:, 0]
        variation[i] = max(values[0], 0) / values.sum() if values.sum() > 0 else 0
        index.append(nearest)
    normals = np.array([raw[nearest].sum(0) for nearest in index])
    return normals / np.linalg.norm(normals, axis=1, keepdims=True), variation
