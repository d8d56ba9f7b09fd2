import numpy as np


def pool_centers(tokens, centers, curvature, degrees=(1, 3, 5), curvature_threshold=0.01):
    tokens, centers = tokens.astype(np.float64), centers.astype(np.float64)
    pooled = tokens.copy()
    for g in np.flatnonzero(curvature < np.float32(curvature_threshold)):
        nearest = np.argsort(((centers - centers[g]) ** 2).sum(-1), kind="stable")
        averages = []
        for r in degrees:
            window = tokens[nearest[:r]]
            distance = np.linalg.norm(window - tokens[g], axis=-1)
            weights = np.exp(distance.min() - distance)
            averages.append((weights[:, None] * window).sum(0) / weights.sum())
        pooled[g] = np.concatenate(averages).reshape(-1, len(degrees)).mean(1)
    return pooled
