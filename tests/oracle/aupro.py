import numpy as np
from oracle.region_overlap import regions_of


def aupro(maps, masks, limit):
    """Threshold by threshold, segment by segment."""
    normal = np.concatenate([values[~mask] for values, mask in zip(maps, masks, strict=True)])
    regions = [
        [one[at] for at in r]
        for one, mask in zip(maps, masks, strict=True)
        for r in regions_of(mask)
    ]
    area, x, y = 0.0, 0.0, 0.0
    for threshold in np.unique(np.concatenate([one.ravel() for one in maps]))[::-1]:
        rate = (normal >= threshold).mean()
        covered = np.mean([(np.array(region) >= threshold).mean() for region in regions])
        if rate > limit:
            return (area + (limit - x) * (y + (covered - y) * (limit - x) / (rate - x) / 2)) / limit
        area, x, y = area + (rate - x) * (y + covered) / 2, rate, covered
    return (area + (limit - x) * y) / limit
