import numpy as np
import pytest
import torch
from oracle.region_overlap import region_overlap as oracle

from musc2.errors import InputError
from musc2.ops import RegionHistogram, region_overlap


def equal(counts, expected):
    same = all(
        torch.equal(getattr(counts, name), getattr(expected, name))
        for name in ("threshold", "normal_above", "normal_at", "anomalous_at", "overlap_at")
    )
    return same and (counts.normal, counts.regions) == (expected.normal, expected.regions)


def blobs(rng, shape, share=0.2):
    """Maps with ties, values and zeros of both signs; masks with regions of many forms."""
    maps = (rng.integers(-60, 61, shape) / 8).astype(np.float32)
    maps[maps == 0] *= rng.choice([-1, 1], (maps == 0).sum())
    return maps, rng.random(shape) < share


def agrees(counts, maps, masks):
    expected, regions = oracle(maps, masks)
    normal_above, normal_at, anomalous_at, overlap_at = np.array(expected).reshape(-1, 4).T
    assert counts.regions == regions
    assert counts.normal == sum((~mask).sum() for mask in masks)
    assert np.array_equal(counts.normal_above, normal_above)
    assert np.array_equal(counts.normal_at, normal_at)
    assert np.array_equal(counts.anomalous_at, anomalous_at)
    np.testing.assert_allclose(counts.overlap_at, overlap_at, rtol=1e-12)
    values = {float(value) for map, mask in zip(maps, masks, strict=True) for value in map[mask]}
    assert counts.threshold.tolist() == sorted(values, reverse=True)


def test_tiny_case_with_the_answer_written_out(backend):
    maps = np.float32([[[0.9, 0.1, 0.5], [0.5, 0.5, 0.2]], [[0.3, 0.8, 0.5], [0.9, 0.0, 0.0]]])
    masks = np.array([[[1, 0, 0], [0, 1, 0]], [[1, 0, 1], [0, 0, 1]]], bool)
    counts = region_overlap(maps, masks)
    assert counts.threshold.tolist() == [0.8999999761581421, 0.5, 0.30000001192092896, 0.0]
    assert counts.normal_above.tolist() == [0, 2, 4, 6]
    assert counts.normal_at.tolist() == [1, 2, 0, 1]
    assert counts.anomalous_at.tolist() == [1, 2, 1, 1]
    assert counts.overlap_at.tolist() == [0.5, 1.0, 1.0, 0.5]
    assert (counts.normal, counts.regions) == (7, 3)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 9), (3, 9, 1), (2, 5, 7), (4, 20, 30)])
@pytest.mark.parametrize("share", [0.03, 0.2, 0.4, 0.8, 1.0])
def test_random_maps_agree_with_the_oracle(backend, rng, shape, share):
    maps, masks = blobs(rng, shape, share)
    before = maps.copy(), masks.copy()
    agrees(region_overlap(maps, masks), maps, masks)
    assert np.array_equal(maps, before[0])
    assert np.array_equal(masks, before[1])


def true_bytes(masks, rng):
    """The masks with random bytes from 2 to 255 where they are True, as views of uint8 can have."""
    return (masks * rng.integers(2, 256, masks.shape)).astype(np.uint8).view(bool)


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, list])
def test_every_byte_but_0_of_a_mask_is_anomalous(backend, rng, kind):
    maps, masks = blobs(rng, (3, 20, 30))
    with_bytes = true_bytes(masks, rng)
    before = with_bytes.view(np.uint8).copy()
    assert equal(region_overlap(kind(maps), kind(with_bytes)), region_overlap(maps, masks))
    histogram, expected = RegionHistogram(bits=12), RegionHistogram(bits=12)
    histogram.add(kind(maps), kind(with_bytes))
    expected.add(maps, masks)
    assert equal(histogram.counts(), expected.counts())
    turned = np.swapaxes(maps, 1, 2)
    turned_counts = region_overlap(turned, kind(np.swapaxes(with_bytes, 1, 2)))
    assert equal(turned_counts, region_overlap(turned, kind(np.swapaxes(masks, 1, 2))))
    assert np.array_equal(with_bytes.view(np.uint8), before)


@pytest.mark.parametrize("spread", ["even", "clustered", "infinite"])
def test_many_different_values_agree_with_the_oracle(backend, rng, spread):
    maps = rng.standard_normal((2, 60, 70)).astype(np.float32)
    if spread == "clustered":
        maps = 1 + maps * 1e-6 + 1e20 * (rng.random(maps.shape) < 0.01).astype(np.float32)
    if spread == "infinite":
        maps[rng.random(maps.shape) < 0.05] = np.inf
        maps[rng.random(maps.shape) < 0.05] = -np.inf
    masks = rng.random(maps.shape) < 0.3
    agrees(region_overlap(maps, masks), maps, masks)


def test_spirals_and_combs_are_one_region(backend):
    spiral = np.zeros((7, 7), bool)
    spiral[0, :] = spiral[:, 6] = spiral[6, :] = spiral[2:, 0] = spiral[2, :5] = True
    spiral[3:5, 4] = True
    comb = np.zeros((5, 9), bool)
    comb[:4, ::2] = comb[4] = True
    checks = np.indices((6, 6)).sum(0) % 2 == 0
    for mask in (spiral, spiral.T, spiral[::-1], comb, comb[::-1], comb.T, checks):
        assert region_overlap(np.zeros((1, *mask.shape), np.float32), mask[None]).regions == 1


def test_runs_that_touch_no_corner_are_apart(backend):
    rows = ["11..1", ".....", "1..1.", "..1..", "1...1"]
    mask = np.array([list(row) for row in rows]) == "1"
    assert region_overlap(np.zeros((1, 5, 5), np.float32), mask[None]).regions == 6


def test_regions_end_at_the_edge_of_a_row_and_of_a_map(backend):
    row_end = np.array([[[0, 0, 1], [1, 0, 0]]], bool)
    assert region_overlap(np.zeros((1, 2, 3), np.float32), row_end).regions == 2
    assert region_overlap(np.zeros((3, 1, 2), np.float32), np.ones((3, 1, 2), bool)).regions == 3


def test_maps_of_different_sizes(backend, rng):
    pairs = [blobs(rng, shape) for shape in [(3, 4), (10, 2), (1, 1), (8, 8)]]
    maps, masks = zip(*pairs, strict=True)
    agrees(region_overlap(list(maps), masks), maps, masks)


def test_a_list_equals_a_stack_and_a_view_equals_its_copy(backend, rng):
    maps, masks = blobs(rng, (3, 6, 8))
    assert equal(region_overlap(list(maps), list(masks)), region_overlap(maps, masks))
    turned = region_overlap(torch.from_numpy(maps).mT, torch.from_numpy(masks).mT)
    assert equal(turned, region_overlap(maps.swapaxes(1, 2).copy(), masks.swapaxes(1, 2).copy()))


def test_nothing_gives_no_thresholds(backend):
    for maps, masks in [
        (torch.zeros(2, 3, 3), torch.zeros(2, 3, 3, dtype=torch.bool)),
        (torch.zeros(0, 3, 3), torch.zeros(0, 3, 3, dtype=torch.bool)),
        (torch.zeros(2, 0, 3), torch.zeros(2, 0, 3, dtype=torch.bool)),
        ([], []),
    ]:
        counts = region_overlap(maps, masks)
        assert len(counts.threshold) == len(counts.normal_above) == len(counts.overlap_at) == 0
        assert counts.regions == 0
        assert counts.normal == sum(len(mask.flatten()) for mask in masks)


def test_thread_counts_give_equal_bits(backend, rng, over_threads):
    maps = rng.standard_normal((5, 150, 160), dtype=np.float32)
    masks = rng.random(maps.shape) < 0.2
    first, *repeats = over_threads(lambda: region_overlap(maps, masks))
    assert all(equal(first, repeat) for repeat in repeats)


@pytest.mark.parametrize("bits", [19, 22, 25])
def test_a_histogram_of_values_that_fit_in_its_bits_is_exact(backend, rng, bits):
    maps = rng.standard_normal((4, 20, 30)).astype(np.float16).astype(np.float32)
    masks = rng.random(maps.shape) < 0.2
    histogram = RegionHistogram(bits=bits)
    histogram.add(maps[:1], masks[:1])
    histogram.add(list(maps[1:]), list(masks[1:]))
    agrees(histogram.counts(), maps, masks)


@pytest.mark.parametrize("bits", [9, 12, 16])
def test_a_histogram_equals_the_steps_of_values_cut_to_its_bits(backend, rng, bits):
    maps = rng.standard_normal((4, 20, 30), dtype=np.float32)
    masks = rng.random(maps.shape) < 0.2
    histogram = RegionHistogram(bits=bits)
    histogram.add(maps, masks)
    cut = (maps.view(np.uint32) >> 32 - bits << 32 - bits).view(np.float32)
    agrees(histogram.counts(), cut, masks)


def test_a_histogram_without_maps_has_no_thresholds(backend):
    counts = RegionHistogram(bits=9).counts()
    assert (len(counts.threshold), counts.normal, counts.regions) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"maps": np.zeros((2, 3, 3))}, "region_overlap: maps must be float32, got float64"),
        (
            {"maps": np.zeros((3, 3), np.float32)},
            r"region_overlap: maps must have shape \(N, H, W\), got \(3, 3\)",
        ),
        ({"masks": np.zeros((2, 3, 3), np.uint8)}, "region_overlap: masks must be bool, got uint8"),
        ({"masks": np.zeros((1, 3, 3), bool)}, "masks must be as many as maps, 2, got 1"),
        (
            {"masks": np.zeros((2, 3, 4), bool)},
            r"masks\[0\] must have the size of its map, \(3, 3\), got \(3, 4\)",
        ),
        (
            {"maps": np.full((2, 3, 3), np.nan, np.float32)},
            r"maps must hold no NaN, got one at \(0, 0, 0\)",
        ),
        (
            {"maps": [np.zeros((3, 3), np.float32), 1.0]},
            r"maps\[1\] must be a torch tensor or a numpy array, got float",
        ),
    ],
)
def test_bad_arguments_are_named(changes, message):
    good = {"maps": np.zeros((2, 3, 3), np.float32), "masks": np.zeros((2, 3, 3), bool)}
    with pytest.raises(InputError, match=message):
        region_overlap(**(good | changes))


@pytest.mark.parametrize("bits", [8, 31, 20.0])
def test_a_histogram_has_between_9_and_30_bits(bits):
    message = "RegionHistogram: bits must be a whole number from 9 to 30"
    with pytest.raises(InputError, match=message):
        RegionHistogram(bits=bits)
