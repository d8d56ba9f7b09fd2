import torch

from musc2.by_modality import ByModality
from musc2.maps import PatchLayer
from musc2.stages.fuse import fuse, units
from musc2.stages.maps import Anomaly


def test_one_view_is_only_divided(rng):
    scores = torch.from_numpy(rng.random((3, 6), dtype="float32"))
    fused = fuse([ByModality(image=scores)], [(2, 3)], [ByModality(image=2.0)])
    assert torch.equal(fused.image[0], scores.reshape(3, 2, 3) / 2)
    assert fused.points is None
    unchanged = fuse([ByModality(points=scores)], [None], [ByModality(points=1.0)])
    assert torch.equal(unchanged.points[0], scores)


def test_views_are_averaged_after_division(rng):
    coarse, fine = (torch.from_numpy(rng.random((2, n), dtype="float32")) for n in (6, 12))
    points = torch.from_numpy(rng.random((2, 2, 5), dtype="float32"))
    fused = fuse(
        [ByModality(coarse, points[0]), ByModality(fine, points[1])],
        [(2, 3), (3, 4)],
        [ByModality(1.0, 2.0), ByModality(4.0, 8.0)],
    )
    torch.testing.assert_close(fused.image[0].flatten(1), coarse / 2)
    torch.testing.assert_close(fused.image[1].flatten(1), fine / 8)
    assert len(fused.points) == 1
    torch.testing.assert_close(fused.points[0], (points[0] / 2 + points[1] / 8) / 2)


def test_patches_of_two_grids_add_up_in_the_map():
    coarse = torch.tensor([[[0.0, 2.0], [4.0, 6.0]]])
    fine = torch.zeros(1, 3, 3)
    fine[0, 1, 1] = 10
    layer = PatchLayer(scores=coarse, further=(fine,))
    expected = torch.tensor([[0.0, 1, 2], [2, 13, 4], [4, 5, 6]])
    torch.testing.assert_close(layer.render(0, (3, 3)), expected)
    torch.testing.assert_close(layer.at_finest_grid()[0], expected)


def rendered(numbers, divisors, peaks):
    """Maps of one pixel: the peaks of each modality of the views, divided and averaged."""
    sums = []
    for modality in ("image", "points"):
        scaled = [
            peaks[number][modality] / getattr(divisor, modality)
            for number, divisor in zip(numbers, divisors, strict=True)
        ]
        sums.append(torch.stack(scaled).mean(0))
    total = sums[0] + sums[1]

    class Pixels(Anomaly):
        def peaks(self):
            return total

        def modality_peaks(self):
            return ByModality(*sums)

    return Pixels(
        patch_scores_2d=None,
        patch_scores_3d=None,
        point_scores=None,
        layers=ByModality(),
        frames=None,
    )


def test_units_bring_everything_to_one_level_and_the_whole_to_one():
    peaks = [
        {"image": torch.tensor([1.0, 2, 3]), "points": torch.tensor([10.0, 20, 30])},
        {"image": torch.tensor([4.0, 4, 4]), "points": torch.tensor([8.0, 8, 80])},
    ]
    views = [ByModality(own["image"], own["points"]) for own in peaks]

    def render(numbers, divisors):
        return rendered(numbers, divisors, peaks)

    own = units(views, render)
    assert own[0].image / own[0].points == 1.5 / 15
    assert own[1].image / own[1].points == 4 / 8
    total = render(range(2), own).peaks()
    torch.testing.assert_close(total.sort().values[:2].mean(), torch.tensor(1.0))
    first = units(views, render, normal=False)
    assert (first[0].image, first[0].points) == (1, 1)
    assert (first[1].image, first[1].points) == (4 / 1.5, 8 / 15)
