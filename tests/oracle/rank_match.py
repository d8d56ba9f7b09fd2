import numpy as np


def rank_match(source, target):
    matched = np.empty(source.shape, np.float64)
    order = np.argsort(target, axis=-1, kind="stable")
    np.put_along_axis(matched, order, np.sort(source, axis=-1), axis=-1)
    return matched
