import numpy as np


def rescore(features, scores, neighbors, min_max=False):
    f, s = features.astype(np.float64), scores.astype(np.float64)
    if min_max and np.ptp(s) > 0:
        s = (s - s.min()) / np.ptp(s)
    similarity, means = f @ f.T, []
    for k in neighbors:
        mean = s.copy()
        for i, row in enumerate(similarity):
            kept = np.argsort(-row, kind="stable")[:k]
            if not min_max and i not in kept:
                kept[-1] = i
            weight = row[kept] if min_max else row[kept].clip(0)
            if weight.sum() != 0:
                mean[i] = weight @ s[kept] / weight.sum()
        means.append(mean)
    return np.mean(means, 0)
