import numpy as np
import pytest
import torch

from musc2 import components, regions
from musc2.errors import InputError


def flood(mask):
    """Label 8-connected pixels one by one."""
    labels = np.full(mask.shape, -1)
    count = 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start] >= 0:
            continue
        stack = [start]
        while stack:
            y, x = stack.pop()
            if not (0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]):
                continue
            if not mask[y, x] or labels[y, x] >= 0:
                continue
            labels[y, x] = count
            stack += [(y + i, x + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        count += 1
    return labels, count


def polygon_area(outline):
    x, y = outline[:, 0].astype(float), outline[:, 1].astype(float)
    return abs((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) / 2


def filled(mask):
    """Fill what the outside does not reach by steps along rows and columns."""
    outside = np.pad(~mask, 1, constant_values=True)
    reached = np.zeros_like(outside)
    reached[0, 0] = True
    while True:
        grown = reached.copy()
        grown[1:] |= reached[:-1]
        grown[:-1] |= reached[1:]
        grown[:, 1:] |= reached[:, :-1]
        grown[:, :-1] |= reached[:, 1:]
        grown &= outside
        if (grown == reached).all():
            return ~reached[1:-1, 1:-1]
        reached = grown


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.7, 1.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (13, 17), (40, 31)])
def test_components_and_outlines_agree_with_a_flood_fill(shape, share, rng):
    mask = rng.random(shape) < share
    runs = components.connected(mask)
    labels, count = flood(mask)
    assert runs.count == count
    own = np.full(shape, -1)
    for row, start, end, component in zip(
        runs.rows, runs.starts, runs.ends, runs.components, strict=True
    ):
        own[row, start:end] = component
    assert (own == labels).all()
    for component in range(count):
        part = labels == component
        assert polygon_area(components.outline(part)) == filled(part).sum()


def test_an_outline_goes_around_the_corners_of_pixels():
    mask = np.array([[False, True, True], [True, True, False]])
    outline = [[1, 0], [3, 0], [3, 1], [2, 1], [2, 2], [0, 2], [0, 1], [1, 1]]
    assert components.outline(mask).tolist() == outline


def test_regions_have_box_mask_peak_and_score():
    values = torch.zeros(6, 8)
    values[1, 1:4] = torch.tensor([2.0, 5.0, 3.0])
    values[2, 3] = 4.0
    values[5, 7] = 9.0
    first, second = regions.regions(values, 1.0)
    assert (first.box, first.area, first.peak, first.score) == ((7, 5, 1, 1), 1, (7, 5), 9.0)
    assert second.box == (1, 1, 3, 2)
    assert second.mask.tolist() == [[True, True, True], [False, False, True]]
    assert (second.area, second.peak, second.score) == (4, (2, 1), 5.0)
    assert second.area_mm2 is None
    assert repr(second) == "Region(3 x 2 at (1, 1), 4 pixels, score 5)"
    x, y, width, height = second.box
    assert second.outline.amin(0).tolist() == [x, y]
    assert second.outline.amax(0).tolist() == [x + width, y + height]


def test_nothing_above_the_threshold_gives_no_region():
    assert regions.regions(torch.ones(4, 4), 1.0) == []
    assert regions.regions(torch.zeros(0, 4), 1.0) == []


def test_the_surface_of_a_slanted_plane():
    y, x = np.mgrid[0:20, 0:30].astype(np.float32)
    xyz = np.stack([2 * x, 2 * y, 100 + 2 * x], 2)  # 45 degrees, 2 mm between points
    areas = regions.pixel_areas(xyz, (20, 30))
    np.testing.assert_allclose(areas, 4 * 2**0.5, rtol=1e-6)
    coarse = regions.pixel_areas(torch.from_numpy(xyz), (10, 15))
    np.testing.assert_allclose(coarse.sum(), areas.sum(), rtol=1e-6)


def test_missing_points_have_no_surface():
    xyz = np.zeros((5, 5, 3), np.float32)
    assert regions.pixel_areas(xyz, (5, 5)).sum() == 0
    xyz[2, 2] = np.nan
    xyz[0, 0] = 1
    assert regions.pixel_areas(xyz, (5, 5)).sum() == 0


@pytest.mark.parametrize("xyz", [np.zeros((4, 4)), [[1.0]], torch.zeros(3, 4, 4)])
def test_scans_of_another_shape_are_refused(xyz):
    with pytest.raises(InputError, match=r"Result.regions: xyz must have shape \(H, W, 3\), got"):
        regions.pixel_areas(xyz, (4, 4))
