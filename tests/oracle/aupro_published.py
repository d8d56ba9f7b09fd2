import numpy as np
from oracle.region_overlap import regions_of


def aupro_published(maps, masks, limit):
    regions = [
        values[tuple(zip(*r, strict=True))]
        for values, mask in zip(maps, masks, strict=True)
        for r in regions_of(mask)
    ]
    points = []
    for threshold in np.arange(maps.min(), maps.max(), (maps.max() - maps.min()) / 200):
        points.append(
            (
                (maps[~masks] > threshold).mean(),
                np.mean([(region > threshold).mean() for region in regions]),
            )
        )
    x, y = np.array([point for point in points if point[0] < limit]).T[:, ::-1]
    x = (x - x.min()) / (x.max() - x.min())
    return ((x[1:] - x[:-1]) * (y[1:] + y[:-1])).sum() / 2
