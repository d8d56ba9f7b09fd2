import numpy as np


def lowest_mean(d, interval):
    def mean(row):
        row = np.sort(row[row < np.inf].astype(np.float64))
        counts = [b * len(row) if isinstance(b, float) else min(b, len(row)) for b in interval]
        low, high = int(counts[0]), int(counts[1])
        high = max(1, high)
        return row[min(low, high - 1) : high].mean() if len(row) else np.inf

    return np.apply_along_axis(mean, -1, d)
