import numpy as np


def region_overlap(maps, masks):
    counts, region_count = {}, 0
    for values, mask in zip(maps, masks, strict=True):
        for region in regions_of(mask):
            region_count += 1
            for pixel in region:
                count, overlap = counts.get(float(values[pixel]), (0, 0.0))
                counts[float(values[pixel])] = count + 1, overlap + 1 / len(region)
    normal = np.concatenate([values[~mask] for values, mask in zip(maps, masks, strict=True)])
    rows = []
    for value in sorted(counts, reverse=True):
        rows.append(((normal > value).sum(), (normal == value).sum(), *counts[value]))
    return rows, region_count


def regions_of(mask):
    rest = set(zip(*np.nonzero(mask), strict=True))
    while rest:
        region, front = set(), {rest.pop()}
        while front:
            region, rest = region | front, rest - front
            around = {(y + i, x + j) for y, x in front for i in (-1, 0, 1) for j in (-1, 0, 1)}
            front = around & rest
        yield region
