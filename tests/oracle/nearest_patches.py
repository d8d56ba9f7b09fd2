import numpy as np


def nearest_patches(z, references=None, search_window=None, grid=None):
    z = z.astype(np.float64)
    keys = z if references is None else references.astype(np.float64)
    d = np.empty((len(z), z.shape[1], len(keys)))
    for i in range(len(z)):
        for j in range(len(keys)):
            pairs = np.linalg.norm(z[i][:, None] - keys[j][None], axis=-1)
            if search_window is not None:
                y, x = np.divmod(np.arange(z.shape[1]), grid[1])
                apart = np.maximum(abs(y[:, None] - y), abs(x[:, None] - x))
                pairs = np.where(apart > search_window, np.inf, pairs)
            d[i, :, j] = np.inf if references is None and i == j else pairs.min(1)
    return d
