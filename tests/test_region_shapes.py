"""Regions that do not fill their box, and surfaces with gaps."""

import numpy as np
import torch

from musc2 import regions


def test_a_region_that_ends_in_its_box_has_its_peak_below():
    values = torch.zeros(9, 10)
    values[3, 4:8] = 2.0
    values[4, 4] = 3.0
    values[5, 4:6] = torch.tensor([2.5, 7.0])
    [region] = regions.regions(values, 1.0)
    assert region.box == (4, 3, 4, 3)
    assert region.mask.int().tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]
    assert (region.area, region.peak, region.score) == (7, (5, 5), 7.0)


def test_the_surface_of_a_region_is_that_of_its_pixels():
    values = torch.zeros(4, 6)
    values[1, 2:5] = values[2, 2] = 1.0
    areas = np.arange(24.0).reshape(4, 6)
    [region] = regions.regions(values, 0.5, areas)
    assert region.area_mm2 == 8 + 9 + 10 + 14


def test_points_without_depth_have_no_surface_and_leave_that_of_others():
    y, x = np.mgrid[0:6, 0:8].astype(np.float64)
    xyz = np.stack([2 * x, 3 * y, np.ones_like(x)], 2)
    assert (regions.surface_areas(xyz, (6, 8)) == 6).all()
    gaps = [(2, 3), (3, 5), (0, 0)]
    xyz[2, 3, 2] = 0
    xyz[3, 5, 0] = np.nan
    xyz[0, 0] = np.inf
    areas = regions.surface_areas(xyz, (6, 8))
    expected = np.full((6, 8), 6.0)
    for place in gaps:
        expected[place] = 0
    np.testing.assert_allclose(areas, expected)


def test_scans_of_one_or_two_rows():
    xyz = np.stack([*np.mgrid[0:2, 0:3].astype(np.float64), np.ones((2, 3))], 2)
    assert (regions.surface_areas(xyz, (2, 3)) == 1).all()
    assert (regions.surface_areas(xyz[:1], (1, 3)) == 0).all()


def test_larger_maps_share_out_the_surface_of_each_point():
    y, x = np.mgrid[0:3, 0:3].astype(np.float64)
    xyz = np.stack([x * (1 + x), y * (1 + y), np.ones_like(x)], 2)
    areas = regions.surface_areas(xyz, (3, 3))
    assert areas.tolist() == [[4, 6, 8], [6, 9, 12], [8, 12, 16]]
    larger = regions.surface_areas(xyz, (6, 12))
    np.testing.assert_allclose(larger, np.repeat(np.repeat(areas, 2, 0), 4, 1) / 8)
