"""The numbers in stages, and the values just beside them."""

import math
import warnings

import pytest
import torch

from musc2 import ops
from musc2.by_modality import ByModality
from musc2.errors import InputWarning
from musc2.stages import copies, fuse, image_scores, layers, rescore

CHANNELS = 64


def apart(distance, patch=None):
    """Return 7 parts at distances of 1 from each other, and a copy of the last one but for that.

    patch: the distance of one of 100 patches, that of the others is ``distance``.
    """
    z = torch.zeros(8, 100, CHANNELS)
    for part in range(7):
        z[part, :, part] = math.sqrt(0.5)
    z[7] = z[6]
    z[7, :, 9] = distance
    if patch is not None:
        z[7, 50, 9] = patch
    return z


@pytest.mark.parametrize("scale", [1.0, 0.01, 100.0])
@pytest.mark.parametrize(("distance", "is_copy"), [(0.145, True), (0.155, False)])
def test_copies_differ_by_at_most_15_percent_of_the_distance_between_parts(
    distance, is_copy, scale
):
    z = scale * apart(distance)
    marked = copies.find_copies(z)
    assert marked[6, 7] == marked[7, 6] == is_copy
    assert marked.sum() == 2 * is_copy
    marked = copies.find_copies(z[:7], z[7:])
    assert marked[6, 7] == is_copy
    assert marked.sum() == is_copy


def test_copies_among_samples_and_among_references():
    z = apart(0.01)
    assert copies.find_copies(z, z[:1]).nonzero().tolist() == [[0, 8], [6, 7], [7, 6]]


@pytest.mark.parametrize("scale", [1.0, 0.01, 100.0])
@pytest.mark.parametrize(("patch", "is_copy"), [(0.49, True), (0.51, False)])
def test_no_patch_of_a_copy_differs_by_half_of_the_distance_between_parts(patch, is_copy, scale):
    z = scale * apart(0.01, patch)
    assert copies.find_copies(z)[6, 7] == is_copy
    assert copies.find_copies(z[:7], z[7:])[6, 7] == is_copy


@pytest.mark.parametrize(
    ("count", "alike", "are_copies"),
    [(4, 2, True), (5, 3, False), (9, 3, True), (9, 4, False), (12, 4, True), (12, 5, False)],
)
def test_a_third_of_all_parts_are_no_copies(rng, count, alike, are_copies):
    z = torch.from_numpy(rng.standard_normal((count, 12, 5))).float()
    z[:alike] = z[0]
    assert copies.find_copies(z).sum() == are_copies * alike * (alike - 1)


def test_where_most_parts_are_one_picture_there_are_no_copies(rng):
    z = torch.from_numpy(rng.integers(-9, 9, (10, 12, 5))).float()  # their squares are exact
    z[:8] = z[0]
    z[9] = z[8]
    assert not copies.find_copies(z).any()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_one_or_two_parts_have_no_copies(count):
    z = apart(0.0)[:count]
    assert copies.find_copies(z).tolist() == [[False] * count] * count


def test_distances_of_one_patch_leave_out_copies():
    d = torch.tensor([[[math.inf, 1.0, 2.0]]])
    copies.leave_out(d, torch.tensor([[False, True, False]]))
    assert d.tolist() == [[[math.inf, math.inf, 2.0]]]


@pytest.mark.parametrize(("pairs", "more"), [(5, ""), (6, " and 1 more pairs")])
def test_five_pairs_of_copies_are_named(pairs, more):
    copied = torch.zeros(12, 12, dtype=torch.bool)
    for first in range(0, 2 * pairs, 2):
        copied[first, first + 1] = copied[first + 1, first] = True
    named = "; ".join(f"{first} and {first + 1}" for first in range(0, 10, 2))
    with pytest.warns(InputWarning) as caught:
        copies.warn(copied, list(map(str, range(12))), "seen")
    [warning] = caught
    assert str(warning.message) == f"seen: {named}{more}"
    assert warning.filename == __file__


def test_nothing_is_said_without_copies():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copies.warn(torch.zeros(2, 2, dtype=torch.bool), ["a", "b"])


def test_copies_among_references_have_their_names_or_numbers():
    copied = torch.tensor([[True, False, True, False], [False, True, False, True]])
    assert copies.pairs_of(copied, ["a", "b"]) == ["a and reference 0", "b and reference 1"]
    assert copies.pairs_of(copied, ["a", "b"], ["c", "d"]) == ["a and c", "b and d"]


def pixels(peaks):
    """Return a function that renders maps of one pixel: the mean of views of images."""

    class Pixels:
        def __init__(self, values):
            self.values = values

        def peaks(self):
            return self.values

        def modality_peaks(self):
            return ByModality(image=self.values)

    def render(numbers, divisors):
        scaled = []
        for number, divisor in zip(numbers, divisors, strict=True):
            scaled.append(peaks[number] / divisor.image)
        return Pixels(torch.stack(scaled).mean(0))

    return render


def test_the_unit_of_one_view_is_its_level():
    peaks = [torch.tensor([1.0, 2.0, 3.0])]
    [unit] = fuse.units([ByModality(image=peaks[0])], pixels(peaks))
    assert unit.image == 1.5


def test_views_of_one_modality_are_brought_to_one_level_together():
    peaks = [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([8.0, 4.0, 4.0])]
    views = [ByModality(image=own) for own in peaks]
    own = fuse.units(views, pixels(peaks))
    total = pixels(peaks)(range(2), own).peaks()
    assert fuse.normal_level(total) == pytest.approx(1)
    assert own[1].image / own[0].image == pytest.approx(4 / 1.5)


def test_a_grid_without_images_is_left_alone():
    fused = fuse.fuse([ByModality(points=torch.ones(2, 3))], [(1, 3)], [ByModality(points=2.0)])
    assert fused.image is None
    assert fused.points[0].tolist() == [[0.5] * 3] * 2


def test_the_highest_two_of_a_hundred_and_the_highest_by_default():
    values = torch.arange(100.0)
    assert image_scores.highest_mean(values, 0.02) == 98.5
    assert image_scores.highest_means(values.reshape(2, 50)).tolist() == [49, 99]
    assert image_scores.highest_means_of_all([values, values[:7]]).tolist() == [99, 6]
    assert image_scores.highest_means_of_all([values]).tolist() == [99]


def test_the_mean_of_layers_is_not_balanced():
    scored = [ByModality(image=torch.tensor([own])) for own in ([1.0, 2.0, 9.0], [3.0, 6.0, 3.0])]
    fused = layers.together(scored, ByModality(image="mean"), layers.units(scored))
    assert fused.image.tolist() == [[2.0, 4.0, 6.0]]


def test_scores_are_averaged_over_one_and_seven_samples_by_default(rng):
    scores = torch.from_numpy(rng.random(12)).float()
    features = torch.from_numpy(rng.standard_normal((12, 4))).float()
    expected = ops.rescore(rescore.join_features([features], normalize=True), scores, (1, 7))
    assert torch.equal(rescore.rescore(scores, [features]), expected)
