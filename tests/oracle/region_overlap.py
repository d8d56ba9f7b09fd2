import numpy as np


def region_overlap(maps, masks):
    steps, regions = {}, [region for mask in masks for region in regions_of(mask)]
    sizes = [{pixel: 1 / len(region) for region in regions_of(mask) for pixel in region} for mask in masks]
    for values, shares in zip(maps, sizes, strict=True):
        for pixel, share in shares.items():
            count, overlap = steps.get(float(values[pixel]), (0, 0.0))
            steps[float(values[pixel])] = count + 1, overlap + share
    normal = np.concatenate([values[~mask] for values, mask in zip(maps, masks, strict=True)])
    return [((normal > v).sum(), (normal == v).sum(), *steps[v]) for v in sorted(steps, reverse=True)], len(regions)


def regions_of(mask):
    rest = set(zip(*np.nonzero(mask), strict=True))
    while rest:
        region = front = {rest.pop()}
        while front := {(y + i, x + j) for y, x in front for i in (-1, 0, 1) for j in (-1, 0, 1)} & rest:
            region, rest = region | front, rest - front
        yield region
