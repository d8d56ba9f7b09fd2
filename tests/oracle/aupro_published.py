import numpy as np
from oracle.region_overlap import regions_of


def aupro_published(maps, masks, limit):
    regions = []
    for values, mask in zip(maps, masks, strict=True):
        for region in regions_of(mask):
            regions.append(values[tuple(zip(*region, strict=True))])
    points = []
    for threshold in np.arange(maps.min(), maps.max(), (maps.max() - maps.min()) / 200):
        rate = (maps[~masks] > threshold).mean()
        points.append((rate, np.mean([(region > threshold).mean() for region in regions])))
    x, y = np.array([point for point in points if point[0] < limit]).T[:, ::-1]
    x = (x - x.min()) / (x.max() - x.min())
    return ((x[1:] - x[:-1]) * (y[1:] + y[:-1])).sum() / 2
