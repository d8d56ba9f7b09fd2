"""What drives a peak, by the gradient of the map; matches in windows, subsets and of partners."""

import numpy as np
import pytest
import torch

import musc2
from musc2.by_modality import ByModality
from musc2.maps import Frame
from musc2.stages import matches
from musc2.stages.maps import MapPeaks, render
from musc2.stages.matches import Drivers, drivers, in_masks, matches_of, nearest_matches
from musc2.stages.mutual import Features
from musc2.tokens import Outline

GRID = (5, 6)


def cloud_of(rng, size, groups):
    """Return a cloud with a point in each pixel of a map, and centers at some of them."""
    rows, columns = np.divmod(np.arange(size[0] * size[1]), size[1])
    points = np.stack([rows, columns, np.zeros(len(rows))], 1).astype(np.float32)
    centers = rng.choice(len(rows), groups, replace=False)
    return musc2.Cloud(
        points=points,
        centers=centers,
        curvature=np.zeros(groups, np.float32),
        pixels=torch.arange(len(rows)),
        size=size,
    )


def group_that_adds_most(cloud, scores, row, column):
    """Return the one of the three nearest groups with the highest score for its distance.

    None if the third and the fourth are at one distance.
    """
    pixels = cloud.pixels[cloud.centers]
    away = [(int(p) // cloud.size[1] - row, int(p) % cloud.size[1] - column) for p in pixels]
    lengths = torch.tensor(away).double().norm(dim=1)
    order = lengths.argsort()
    nearest = order[:3]
    if lengths[order[2]] == lengths[order[3]]:
        return None
    return int(nearest[(scores[nearest] / (lengths[nearest] + 1)).argmax()])


@pytest.mark.parametrize("grids", [[(3, 4)], [(1, 5)], [(4, 1)], [(1, 1)], [(3, 4), (6, 5)]])
@pytest.mark.parametrize("size", [(24, 32), (7, 5), (1, 9), (9, 1), (2, 2)])
def test_the_driver_of_a_peak_has_the_largest_part_of_it(rng, grids, size):
    count = 6
    image = [torch.from_numpy(rng.random((count, *grid))).float() for grid in grids]
    groups = torch.from_numpy(rng.random((count, 4))).float()
    clouds = [cloud_of(rng, size, 4) for _ in range(count)]
    frames = [Frame(working=size, input=size)] * count
    fused = render(ByModality(image, [groups]), clouds, frames, sigma=0.0)
    pixels = torch.from_numpy(rng.integers(0, size[0] * size[1], count))
    shares = []
    for scores in image:
        scores.requires_grad_()
        enlarged = torch.nn.functional.interpolate(
            scores[:, None], size=size, mode="bilinear", align_corners=True
        )
        enlarged.flatten(1).gather(1, pixels[:, None]).sum().backward()
        shares.append((scores.grad * scores).detach())
        scores.requires_grad_(False)
    of_images = sum(own.flatten(1).sum(1) for own in shares)
    values = of_images * torch.tensor([1.5, 2.5, 1.9, 2.1, 1.0, 3.0])
    chosen = drivers(fused, MapPeaks(scores=values, values=values, pixels=pixels), clouds)
    for part in range(count):
        best = float(shares[0][part].max())
        assert float(shares[0][part].flatten()[chosen.patches.image[part]]) == pytest.approx(best)
        row, column = divmod(int(pixels[part]), size[1])
        expected = group_that_adds_most(clouds[part], groups[part], row, column)
        assert expected in (None, int(chosen.patches.points[part]))
    assert chosen.is_points.tolist() == [False, True, False, True, False, True]


def test_equal_parts_of_a_peak_are_driven_by_the_image(rng):
    cloud = cloud_of(rng, (2, 2), 4)
    frames = [Frame(working=(2, 2), input=(2, 2))]
    fused = render(ByModality([torch.ones(1, 2, 2)], [torch.ones(1, 4)]), [cloud], frames)
    values = torch.tensor([2.0])
    peaks = MapPeaks(scores=values, values=values, pixels=torch.tensor([0]))
    assert drivers(fused, peaks, [cloud]).is_points.tolist() == [False]


def test_the_size_of_each_map_counts(rng):
    sizes = [(24, 32), (12, 10)]
    image = torch.zeros(2, 3, 4)
    image[:, 1, 2] = 1
    frames = [Frame(working=size, input=size) for size in sizes]
    fused = render(ByModality([image]), [], frames)
    assert drivers(fused, fused.map_peaks(), []).patches.image.tolist() == [6, 6]


def test_without_images_points_drive(rng):
    clouds = [cloud_of(rng, (8, 8), 4) for _ in range(3)]
    groups = torch.tensor([[0.0, 1.0, 0.2, 0.1], [2.0, 0.0, 0.0, 0.0], [0.1, 0.1, 0.1, 0.9]])
    fused = render(ByModality(points=[groups]), clouds, None)
    chosen = drivers(fused, fused.map_peaks(), clouds)
    assert chosen.patches.points.tolist() == [1, 0, 3]
    assert chosen.is_points.tolist() == [True] * 3
    assert chosen.patches.image is None


def test_without_points_images_drive():
    fused = render(ByModality([torch.ones(2, 3, 4)]), [], [Frame(working=(6, 8), input=(6, 8))] * 2)
    chosen = drivers(fused, fused.map_peaks(), [])
    assert chosen.is_points.tolist() == [False, False]
    assert chosen.patches.points is None


def of_images(features, patches, subsets, compared=None, **options):
    patches = torch.tensor(patches)
    chosen = Drivers(
        patches=ByModality(image=patches), is_points=torch.zeros_like(patches, dtype=torch.bool)
    )
    outline = Outline(count=len(patches), grid=GRID, clouds=[], frames=None)
    return nearest_matches(
        ByModality(image=features), chosen, outline, subsets, compared, **options
    )


@pytest.fixture
def z(rng):
    return torch.from_numpy(rng.random((7, 30, 5))).float()


def in_window(patch, radius):
    """Return the cells of the grid at most some rows and columns away."""
    cells = []
    for cell in range(30):
        if max(abs(cell // 6 - patch // 6), abs(cell % 6 - patch % 6)) <= radius:
            cells.append(cell)
    return cells


@pytest.mark.parametrize("block", [1, 1 << 24])
@pytest.mark.parametrize("radius", [0, 1, 2, 9])
def test_matches_in_a_window_are_the_nearest_there(z, radius, block, monkeypatch):
    monkeypatch.setattr(matches, "_BLOCK", block)
    patches = [0, 5, 29, 24, 14, 8, 21]
    features = Features(z=z, precision="float32", window=radius, grid=GRID)
    lookalikes = of_images(features, patches, [torch.arange(7)])
    assert lookalikes.parts.shape == (7, 5)
    for part, patch in enumerate(patches):
        cells = torch.tensor(in_window(patch, radius))
        lengths = (z[:, cells].double() - z[part, patch].double()).norm(dim=-1)
        lengths[part] = torch.inf
        lowest = lengths.min(1)
        order = lowest.values.argsort()[:5]
        assert lookalikes.parts[part].tolist() == order.tolist()
        assert lookalikes.nearest[part].tolist() == cells[lowest.indices[order]].tolist()
        torch.testing.assert_close(lookalikes.distances[part], lowest.values[order].float())


def test_a_part_alone_in_its_subset_has_no_match(z):
    subsets = [torch.tensor([6]), torch.tensor([0, 2]), torch.tensor([1, 3, 4, 5])]
    lookalikes = of_images(Features(z=z, precision="float32"), [29] * 7, subsets)
    assert lookalikes.parts.shape == (7, 3)
    assert lookalikes.parts[6].tolist() == lookalikes.nearest[6].tolist() == [-1] * 3
    assert lookalikes.distances[6].isinf().all()
    assert lookalikes.parts[0].tolist() == [2, -1, -1]
    assert lookalikes.parts[2].tolist() == [0, -1, -1]
    assert sorted(lookalikes.parts[4].tolist()) == [1, 3, 5]


def test_parts_match_those_that_they_were_compared_with(z):
    table = torch.tensor([[1, 2], [0, 3], [-1, 4], [0, 7], [5, 6], [4, 6], [0, 1]])
    outline = Outline(count=7, grid=GRID, clouds=[], frames=None)
    chosen = Drivers(
        patches=ByModality(image=torch.zeros(7, dtype=torch.int64)),
        is_points=torch.zeros(7, dtype=torch.bool),
    )
    source = ByModality(image=Features(z=z, precision="float32"))
    lookalikes = matches_of(source, [torch.arange(7)], table, outline, chosen)
    expected = [{1, 2}, {0, 3}, {4}, {0}, {5, 6}, {4, 6}, {0, 1}]
    for part, partners in enumerate(expected):
        listed = lookalikes.parts[part].tolist()
        assert set(listed[: len(partners)]) == partners
        assert set(listed[len(partners) :]) == {-1}
        assert (lookalikes.nearest[part] == -1).tolist() == (lookalikes.parts[part] == -1).tolist()
    everyone = matches_of(source, [torch.arange(7)], None, outline, chosen)
    assert (everyone.parts >= 0).all()


def test_matches_lie_at_the_centers_of_their_own_parts(rng):
    image, points = (torch.from_numpy(rng.random((4, n, 5))).float() for n in (30, 6))
    points[1, 0] = points[0, 5]
    clouds = [cloud_of(rng, (10, 12), 6) for _ in range(4)]
    chosen = Drivers(
        patches=ByModality(torch.tensor([29, 0, 17, 5]), torch.tensor([5, 0, 2, 4])),
        is_points=torch.tensor([True, False, True, False]),
    )
    outline = Outline(count=4, grid=GRID, clouds=clouds, frames=None)
    source = ByModality(
        Features(z=image, precision="float32"), Features(z=points, precision="float32")
    )
    lookalikes = nearest_matches(source, chosen, outline, [torch.arange(4)])
    cells, centers = matches.grid_positions(4, GRID), matches.group_positions(clouds)
    assert cells.shape == (4, 30, 2)
    assert lookalikes.parts[0, 0] == 1
    assert lookalikes.nearest[0, 0] == 0
    for part, is_points in enumerate(chosen.is_points.tolist()):
        own, z = (centers, points) if is_points else (cells, image)
        patch = chosen.patches.values()[is_points][part]
        assert lookalikes.modalities[part] == ("points" if is_points else "image")
        assert torch.equal(lookalikes.positions[part], own[part, patch])
        for column, (other, nearest) in enumerate(
            zip(lookalikes.parts[part].tolist(), lookalikes.nearest[part].tolist(), strict=True)
        ):
            lengths = (z[other] - z[part, patch]).norm(dim=1)
            assert nearest == int(lengths.argmin())
            assert torch.equal(lookalikes.nearest_positions[part, column], own[other, nearest])


def test_patches_in_masks():
    mask = torch.zeros(10, 12, dtype=torch.bool)
    mask[9, 11] = True
    frames = [Frame(working=(10, 12), input=(10, 12), mask=mask)] * 2
    outline = Outline(count=2, grid=GRID, clouds=[], frames=frames)
    inside = in_masks(outline)
    assert inside.shape == (2, 30)
    assert inside.nonzero().tolist() == [[0, 29], [1, 29]]
    bare = [Frame(working=(10, 12), input=(10, 12))] * 2
    for grid, own in [(None, frames), (GRID, None), (GRID, bare), (None, None)]:
        assert in_masks(Outline(count=2, grid=grid, clouds=[], frames=own)) is None
