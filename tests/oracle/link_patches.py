import numpy as np


def link_patches(pixels, size, grid):
    (height, width), (h, w) = size, grid
    patch = np.array([(p // width * h // height) * w + p % width * w // width for p in pixels.tolist()], int)
    members = [[g for g in range(len(pixels)) if patch[g] == q] for q in range(h * w)]
    start = np.cumsum([0] + [len(m) for m in members])
    return patch, start, np.array([g for m in members for g in m], int)
