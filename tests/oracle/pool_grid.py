import numpy as np


def pool_grid(tokens, degrees=(1, 3, 5), weighting="similarity"):
    tokens = tokens.astype(np.float64)
    pooled = np.zeros_like(tokens)
    for r in degrees:
        half = r // 2
        padded = np.pad(tokens, ((0, 0), (half, half), (half, half), (0, 0)))
        for i, y, x in np.ndindex(tokens.shape[:3]):
            window = padded[i, y : y + r, x : x + r].reshape(r * r, -1)
            distance = np.linalg.norm(window - tokens[i, y, x], axis=-1)
            weights = np.exp(-distance) if weighting == "similarity" else np.ones(r * r)
            pooled[i, y, x] += (weights[:, None] * window).sum(0) / weights.sum() / len(degrees)
    return pooled
