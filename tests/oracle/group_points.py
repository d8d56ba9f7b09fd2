import numpy as np


def group_points(points, center, size, start, search, curvature_threshold, unique):
    points = points.astype(np.float64)
    near = np.argsort(np.square(points - points[center]).sum(1), kind="stable")[:search]
    offsets = points[near[1:size]] - points[center]
    values = np.linalg.eigvalsh(np.cov(offsets.T, bias=True)) if len(offsets) else np.zeros(3)
    curvature = max(0, values[0]) / values.sum() if values.sum() > 0 else 0.0
    if curvature < curvature_threshold:
        group = list(near[:size])
    else:
        group = list(near[:start][:size])
        while len(group) < size and (candidates := sorted(set(near) - set(group))):
            pairs = np.square(points[group][:, None] - points[candidates]).sum(2)
            pairs = pairs.min(0) if unique else pairs.ravel()
            order = np.argsort(pairs, kind="stable")[: min(start, size - len(group))]
            group = [candidates[i % len(candidates)] for i in order] + group
    return [group[i % len(group)] for i in range(size)], curvature
