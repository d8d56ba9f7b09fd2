import numpy as np


def dictionary_tokens(image, whitening, words, softness):  # (3, H, W)
    _, height, width = image.shape
    padded = np.pad(image.astype(np.float64), ((0, 0), (1, 1), (1, 1)), "reflect")
    distance = np.empty((height // 4, width // 4, len(words)))
    for y, x in np.ndindex(distance.shape[:2]):
        patch = padded[:, 4 * y : 4 * y + 6, 4 * x : 4 * x + 6].ravel()
        patch = patch - patch.mean()
        patch = patch / max(patch.std() + softness, 1e-300)
        distance[y, x] = np.linalg.norm(patch @ whitening.astype(np.float64) - words, axis=1)
    weights = np.exp(-0.5 * (np.arange(8) - 3.5) ** 2)
    window = np.outer(weights, weights) / weights.sum() ** 2
    around = np.pad(distance, ((3, 3), (3, 3), (0, 0)), "reflect")
    tokens = np.empty((height // 8, width // 8, len(words)))
    for v, u in np.ndindex(tokens.shape[:2]):
        tokens[v, u] = np.einsum("yx,yxk->k", window, around[2 * v : 2 * v + 8, 2 * u : 2 * u + 8])
    return tokens
