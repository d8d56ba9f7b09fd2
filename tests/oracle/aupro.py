import numpy as np
from oracle.region_overlap import regions_of


def aupro(maps, masks, limit):
    """Integrate threshold by threshold, segment by segment."""
    normal = np.concatenate([values[~mask] for values, mask in zip(maps, masks, strict=True)])
    regions = []
    for values, mask in zip(maps, masks, strict=True):
        for region in regions_of(mask):
            regions.append(np.array([values[pixel] for pixel in region]))
    area, x, y = 0.0, 0.0, 0.0
    for threshold in np.unique(np.concatenate([values.ravel() for values in maps]))[::-1]:
        rate = (normal >= threshold).mean()
        covered = np.mean([(region >= threshold).mean() for region in regions])
        if rate > limit:
            return (area + (limit - x) * (y + (covered - y) * (limit - x) / (rate - x) / 2)) / limit
        area, x, y = area + (rate - x) * (y + covered) / 2, rate, covered
    return (area + (limit - x) * y) / limit
