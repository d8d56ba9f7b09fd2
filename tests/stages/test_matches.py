import pytest
import torch

import musc2
from musc2.stages.matches import grid_positions, group_positions, nearest_matches
from musc2.stages.mutual import Features

EVERYONE = [torch.arange(6)]


@pytest.fixture
def z():
    return torch.rand(6, 12, 5, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def scores():
    return torch.rand(6, 12, generator=torch.Generator().manual_seed(4))


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


def test_the_nearest_other_parts_of_the_worst_patch(z, scores):
    positions = grid_positions(6, (3, 4))
    features = Features(z=z, precision="float32")
    matches = nearest_matches(features, scores, positions, EVERYONE, count=3)
    assert matches.patches.tolist() == scores.argmax(1).tolist()
    for part in range(6):
        patch = int(scores[part].argmax())
        check(matches, part, expected(z, part, patch))
        assert matches.positions[part].tolist() == pytest.approx(
            [(patch // 4 + 0.5) / 3, (patch % 4 + 0.5) / 4]
        )


def test_the_worst_patch_lies_in_the_mask(z, scores):
    inside = torch.zeros(6, 12, dtype=torch.bool)
    inside[:, 7] = True
    positions = grid_positions(6, (3, 4))
    matches = nearest_matches(Features(z=z), scores, positions, EVERYONE, inside)
    assert matches.patches.tolist() == [7] * 6


def test_few_parts_have_few_matches(z, scores):
    positions = grid_positions(2, (3, 4))
    matches = nearest_matches(Features(z=z[:2]), scores[:2], positions, [torch.arange(2)])
    assert matches.parts.tolist() == [[1], [0]]
    assert nearest_matches(Features(z=z[:1]), scores[:1], positions, [torch.arange(1)]) is None


def test_subsets_match_their_own_parts(z, scores):
    subsets = [torch.tensor([0, 2, 5, 4]), torch.tensor([1, 3])]
    features = Features(z=z, precision="float32")
    matches = nearest_matches(features, scores, grid_positions(6, (3, 4)), subsets)
    for part in range(6):
        partners = [0, 2, 4, 5] if part in (0, 2, 4, 5) else [1, 3]
        check(matches, part, expected(z, part, int(scores[part].argmax()), partners=partners))
    assert matches.parts[1].tolist() == [3, -1, -1]
    assert matches.distances[1, 1:].isinf().all()


def test_a_search_window_limits_the_matches(z, scores):
    scores = scores.clone()
    scores[:, 0] = 2
    features = Features(z=z, precision="float32", window=1, grid=(3, 4))
    matches = nearest_matches(features, scores, grid_positions(6, (3, 4)), EVERYONE)
    for part in range(6):
        check(matches, part, expected(z, part, 0, cells=[0, 1, 4, 5]))


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
    assert result.matches.modality == "image"
    result.save(tmp_path)
    loaded = musc2.Result.load(tmp_path).matches
    for name in ("patches", "parts", "nearest", "distances", "positions", "nearest_positions"):
        assert torch.equal(getattr(loaded, name), getattr(result.matches, name))


def test_clouds_without_images_match_by_their_groups():
    parts = musc2.datasets.synthetic.parts(4, size=64)
    result = musc2.score(None, parts.xyz, encoder_3d="shape")
    assert result.matches.modality == "points"
    assert result.matches.positions.shape == (4, 2)
    clouds = [xyz.reshape(-1, 3)[::3] for xyz in parts.xyz]
    as_clouds = musc2.score(None, clouds, encoder_3d="shape")
    assert as_clouds.matches.nearest_positions.shape == (4, 3, 3)
