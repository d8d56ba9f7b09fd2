import numpy as np


def link_patches(pixels, size, grid):
    (height, width), (h, w) = size, grid
    rows, columns = np.divmod(pixels.astype(np.int64), width)
    patch = rows * h // height * w + columns * w // width
    members = [[g for g in range(len(pixels)) if patch[g] == q] for q in range(h * w)]
    start = np.cumsum([0] + [len(m) for m in members])
    return patch, start, np.array([g for m in members for g in m], int)
