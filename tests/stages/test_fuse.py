import torch

from musc2.by_modality import ByModality
from musc2.stages.fuse import finest, fuse


def test_one_view_is_only_divided(rng):
    scores = torch.from_numpy(rng.random((3, 6), dtype="float32"))
    fused = fuse([ByModality(image=scores)], [(2, 3)], [ByModality(image=2.0)])
    assert torch.equal(fused.image, scores / 2)
    assert fused.points is None


def test_views_of_one_grid_are_averaged_after_division(rng):
    image = torch.from_numpy(rng.random((2, 3, 6), dtype="float32"))
    points = torch.from_numpy(rng.random((2, 3, 5), dtype="float32"))
    fused = fuse(
        [ByModality(*pair) for pair in zip(image, points, strict=True)],
        [(2, 3), (2, 3)],
        [ByModality(1.0, 2.0), ByModality(4.0, 8.0)],
    )
    torch.testing.assert_close(fused.image, (image[0] + image[1] / 4) / 2)
    torch.testing.assert_close(fused.points, (points[0] / 2 + points[1] / 8) / 2)


def test_coarse_patches_are_interpolated_to_the_finest_grid():
    coarse = torch.tensor([[0.0, 2.0, 4.0, 6.0]])  # 2 x 2
    fine = torch.zeros(1, 9)  # 3 x 3
    views = [ByModality(image=coarse), ByModality(image=fine)]
    fused = fuse(views, [(2, 2), (3, 3)], [ByModality(image=1.0)] * 2)
    expected = torch.tensor([[0.0, 1, 2], [2, 3, 4], [4, 5, 6]]) / 2
    torch.testing.assert_close(fused.image.reshape(3, 3), expected)


def test_the_finest_grid():
    assert finest([(4, 9), None, (5, 8)]) == (5, 9)
    assert finest([None]) is None
