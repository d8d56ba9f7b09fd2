import numpy as np
from oracle.rank_match import rank_match


def enhance(a, b, patch):
    a, b = a.astype(np.float64), b.astype(np.float64)
    members = [np.flatnonzero(patch == q) for q in range(len(a))]
    x2 = np.stack([b[m].mean(0) if len(m) else np.zeros(b.shape[1]) for m in members])
    x3 = a[patch]
    c2, c3 = np.ones(len(a)), np.ones(len(b))
    if a.shape[1] > 1:
        c2 = 1 - rank_match(a.std(1, ddof=1), x2.std(1, ddof=1))
        c3 = 1 - rank_match(b.std(1, ddof=1), x3.std(1, ddof=1))
    y3 = rank_match(b.ravel(), x3.ravel()).reshape(b.shape)
    y2, linked = x2.copy(), x2.sum(1) != 0
    y2[linked] = rank_match(a[linked].ravel(), x2[linked].ravel()).reshape(-1, a.shape[1])
    y2, y3 = np.maximum(a, y2) * c2[:, None], np.maximum(b, y3) * c3[:, None]
    y2 = rank_match(a.ravel(), y2.ravel()).reshape(a.shape)
    y3 = rank_match(b.ravel(), y3.ravel()).reshape(b.shape)
    return (a + y2) / 2, (b + y3) / 2
