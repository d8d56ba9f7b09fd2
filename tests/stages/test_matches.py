import pytest
import torch

import musc2
from musc2.by_modality import ByModality
from musc2.maps import Frame, PatchLayer
from musc2.stages.maps import render
from musc2.stages.matches import (
    Drivers,
    drivers,
    grid_positions,
    group_positions,
    nearest_matches,
)
from musc2.stages.mutual import Features
from musc2.tokens import Outline

EVERYONE = [torch.arange(6)]
GRID = (3, 4)


def of_images(features, patches, subsets=EVERYONE, **options):
    """Return the matches of a patch of each image."""
    patches = torch.as_tensor(patches)
    chosen = Drivers(
        patches=ByModality(image=patches), is_points=torch.zeros_like(patches, dtype=torch.bool)
    )
    outline = Outline(count=len(patches), grid=GRID, clouds=[], frames=None)
    return nearest_matches(ByModality(image=features), chosen, outline, subsets, **options)


@pytest.fixture
def z():
    return torch.rand(6, 12, 5, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def patches():
    return torch.randint(0, 12, (6,), generator=torch.Generator().manual_seed(4))


def expected(z, part, patch, cells=None, partners=None):
    """Return (distance, other part, its nearest patch), the nearest first, in float64."""
    rows = []
    for other in range(len(z)) if partners is None else partners:
        if other == part:
            continue
        d = (z[other].double() - z[part, patch].double()).norm(dim=1)
        candidates = range(len(d)) if cells is None else cells
        nearest = min(candidates, key=lambda cell, d=d: float(d[cell]))
        rows.append((float(d[nearest]), other, nearest))
    return sorted(rows)


def check(matches, part, rows):
    count = min(len(rows), matches.parts.shape[1])
    rows = rows[:count]
    assert matches.parts[part, :count].tolist() == [row[1] for row in rows]
    assert matches.nearest[part, :count].tolist() == [row[2] for row in rows]
    assert matches.distances[part, :count].tolist() == pytest.approx([r[0] for r in rows], rel=1e-5)


def test_the_nearest_other_parts_of_a_patch(z, patches):
    matches = of_images(Features(z=z, precision="float32"), patches, count=3)
    assert matches.patches.tolist() == patches.tolist()
    assert matches.modalities == ["image"] * 6
    for part, patch in enumerate(patches.tolist()):
        check(matches, part, expected(z, part, patch))
        assert matches.positions[part].tolist() == pytest.approx(
            [(patch // 4 + 0.5) / 3, (patch % 4 + 0.5) / 4]
        )


def test_few_parts_have_few_matches(z, patches):
    matches = of_images(Features(z=z[:2]), patches[:2], [torch.arange(2)])
    assert matches.parts.tolist() == [[1], [0]]
    assert of_images(Features(z=z[:1]), patches[:1], [torch.arange(1)]) is None


def test_subsets_match_their_own_parts(z, patches):
    subsets = [torch.tensor([0, 2, 5, 4]), torch.tensor([1, 3])]
    matches = of_images(Features(z=z, precision="float32"), patches, subsets)
    for part, patch in enumerate(patches.tolist()):
        partners = [0, 2, 4, 5] if part in (0, 2, 4, 5) else [1, 3]
        check(matches, part, expected(z, part, patch, partners=partners))
    assert matches.parts[1].tolist() == [3, -1, -1]
    assert matches.distances[1, 1:].isinf().all()


def test_a_search_window_limits_the_matches(z):
    features = Features(z=z, precision="float32", window=1, grid=GRID)
    matches = of_images(features, [0] * 6)
    for part in range(6):
        check(matches, part, expected(z, part, 0, cells=[0, 1, 4, 5]))


SIZE = (24, 32)


def two_clouds():
    """Return clouds of a map with groups at two pixels: upper right and lower left."""
    rows, columns = torch.meshgrid(torch.arange(24), torch.arange(32), indexing="ij")
    points = torch.stack([columns, rows, torch.zeros_like(rows)], -1).reshape(-1, 3).float()
    centers = torch.tensor([3 * 32 + 28, 20 * 32 + 3])
    cloud = musc2.Cloud(
        points=points,
        centers=centers,
        curvature=torch.zeros(2),
        pixels=torch.arange(len(points)),
        size=SIZE,
    )
    return [cloud, cloud]


def rendered(image, points, clouds, **options):
    scores = ByModality([image] if image is not None else None, [points])
    frames = [Frame(working=SIZE, input=SIZE)] * 2
    return render(scores, clouds, frames, sigma=1.0, **options)


@pytest.mark.parametrize("share", [0.0, 0.02])
def test_the_modality_that_adds_most_to_the_peak_drives_a_part(share):
    image = torch.zeros(2, 3, 4)
    image[:, 2, 3] = torch.tensor([1.0, 3.0])  # the worst patch of both: the lower right
    clouds = two_clouds()
    groups = torch.tensor([[2.0, 0.1], [0.1, 1.5]])
    fused = rendered(image, groups, clouds, share=share)
    chosen = drivers(fused, fused.map_peaks(), clouds)
    assert chosen.is_points.tolist() == [True, False]
    assert chosen.patches.points[0] == 0  # where the map of both peaks: the upper right
    assert chosen.patches.image[1] == 11
    assert torch.equal(fused.map_peaks().scores, fused.peaks())


def test_a_peak_between_patches_belongs_to_the_one_that_adds_most(z):
    image = torch.zeros(1, 3, 4)
    image[0, 1, 1], image[0, 1, 2] = 2.0, 1.9
    frames = [Frame(working=SIZE, input=SIZE)]
    fused = render(ByModality([image]), [], frames)
    assert isinstance(fused.layers.image, PatchLayer)
    assert drivers(fused, fused.map_peaks(), []).patches.image.tolist() == [5]


def test_matches_are_looked_for_in_the_modality_that_drives_a_part():
    generator = torch.Generator().manual_seed(5)
    image, points = (torch.rand(2, count, 5, generator=generator) for count in (12, 2))
    clouds = two_clouds()
    chosen = Drivers(
        patches=ByModality(torch.tensor([7, 11]), torch.tensor([1, 0])),
        is_points=torch.tensor([True, False]),
    )
    outline = Outline(count=2, grid=GRID, clouds=clouds, frames=None)
    source = ByModality(
        Features(z=image, precision="float32"), Features(z=points, precision="float32")
    )
    matches = nearest_matches(source, chosen, outline, [torch.arange(2)])
    assert matches.modalities == ["points", "image"]
    assert matches.patches.tolist() == [1, 11]
    check(matches, 0, expected(points, 0, 1))
    check(matches, 1, expected(image, 1, 11))
    assert torch.equal(matches.positions[0], group_positions(clouds)[0, 1])
    assert torch.equal(matches.positions[1], grid_positions(2, GRID)[1, 11])
    assert torch.equal(
        matches.nearest_positions[0, 0], group_positions(clouds)[1, int(matches.nearest[0, 0])]
    )


def test_matches_lie_where_the_map_of_images_and_scans_peaks():
    parts = musc2.datasets.synthetic.parts(8, size=64)
    config = musc2.Config(input_size=64, group_count=128, group_size=32)
    result = musc2.score(
        parts.rgb, parts.xyz, encoder_2d="texture", encoder_3d="shape", config=config
    )
    assert set(result.matches.modalities) == {"image", "points"}
    for index in range(8):
        values = result.maps.render(index, "working")
        peak = torch.tensor(divmod(int(values.argmax()), values.shape[1])) + 0.5
        share_3d = float(result.maps_3d.render(index, "working").flatten()[values.argmax()])
        assert (2 * share_3d > float(values.max())) == (
            result.matches.modalities[index] == "points"
        )
        away = result.matches.positions[index] * torch.tensor(values.shape) - peak
        assert float(away.norm()) < 8  # pixels of 64


def test_groups_lie_at_their_centers():
    points = torch.rand(40, 3, generator=torch.Generator().manual_seed(0))
    config = musc2.Config(group_count=4)
    cloud = musc2.make_cloud(points, config=config)
    assert torch.equal(group_positions([cloud])[0], cloud.points[cloud.centers])
    pixels = torch.arange(40)
    mapped = musc2.make_cloud(points, pixels, (5, 8), config=config)
    rows, columns = mapped.centers // 8, mapped.centers % 8
    fractions = torch.stack([(rows + 0.5) / 5, (columns + 0.5) / 8], 1)
    assert torch.allclose(group_positions([mapped])[0], fractions)


def test_a_result_holds_the_matches_and_keeps_them_on_disk(tmp_path):
    parts = musc2.datasets.synthetic.parts(6, size=64)
    result = musc2.score(parts.rgb, encoder_2d="texture")
    assert result.matches.parts.shape == (6, 5)
    assert result.matches.modalities == ["image"] * 6
    result.save(tmp_path)
    loaded = musc2.Result.load(tmp_path).matches
    for name in ("patches", "parts", "nearest", "distances", "positions", "nearest_positions"):
        assert torch.equal(getattr(loaded, name), getattr(result.matches, name))
    assert loaded.modalities == result.matches.modalities


def test_clouds_without_images_match_by_their_groups():
    parts = musc2.datasets.synthetic.parts(4, size=64)
    result = musc2.score(None, parts.xyz, encoder_3d="shape")
    assert result.matches.modalities == ["points"] * 4
    assert result.matches.positions.shape == (4, 2)
    clouds = [xyz.reshape(-1, 3)[::3] for xyz in parts.xyz]
    as_clouds = musc2.score(None, clouds, encoder_3d="shape")
    assert as_clouds.matches.nearest_positions.shape == (4, 3, 3)
