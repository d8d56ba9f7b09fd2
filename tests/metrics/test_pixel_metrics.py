"""Metrics of more maps than fit in memory."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from musc2 import metrics
from musc2.errors import InputError


@pytest.fixture
def sample(rng):
    masks = rng.random((6, 30, 40)) < 0.1
    masks[1::2] = False
    return (rng.standard_normal(masks.shape) + masks).astype(np.float32), masks


def streamed(maps, masks, **options):
    collector = metrics.PixelMetrics(**options)
    for map, mask in zip(maps, masks, strict=True):
        collector.add(map, mask)
    return collector.result()


def test_maps_of_half_precision_lose_nothing(sample):
    maps, masks = sample[0].astype(np.float16), sample[1]
    expected = metrics.pixel_metrics(maps, masks)
    for bits in (19, 23):
        assert streamed(maps, masks, bits=bits) == pytest.approx(expected, rel=0, abs=1e-12)


def test_masks_may_be_views_of_bytes_that_are_not_1(sample):
    maps, masks = sample
    expected = metrics.pixel_metrics(maps, masks)
    for byte in (2, 255):
        others = (masks * np.uint8(byte)).view(bool)
        tensors = torch.from_numpy(maps), torch.from_numpy(others)
        assert metrics.pixel_metrics(maps, others) == expected
        assert metrics.pixel_metrics(*tensors) == expected
        one_by_one = metrics.pixel_metrics_streamed(maps, others)
        assert one_by_one == pytest.approx(expected, rel=0, abs=1e-12)
        assert metrics.aupro_published(maps, others) == metrics.aupro_published(maps, masks)
        assert streamed(maps, others) == streamed(maps, masks)
        flat = maps.ravel()
        assert metrics.auroc(flat, others.ravel()) == metrics.auroc(flat, masks.ravel())


def test_the_result_is_that_of_maps_cut_to_their_first_bits(sample):
    maps, masks = sample
    cut = (maps.view(np.uint32) >> 18 << 18).view(np.float32)
    assert streamed(maps, masks, bits=14) == pytest.approx(
        metrics.pixel_metrics(cut, masks), rel=0, abs=1e-12
    )
    assert streamed(maps, masks, bits=14) != pytest.approx(
        metrics.pixel_metrics(maps, masks), rel=0, abs=1e-6
    )


def test_full_precision_is_near(sample):
    assert streamed(*sample) == pytest.approx(metrics.pixel_metrics(*sample), rel=0, abs=1e-3)


def test_stacks_lists_and_maps_one_by_one_are_the_same(sample):
    maps, masks = sample
    stacked, listed = metrics.PixelMetrics(bits=16), metrics.PixelMetrics(bits=16)
    stacked.add(torch.from_numpy(maps), masks)
    listed.add(list(maps[:4]), list(masks[:4]))
    listed.add(maps[4:].astype(np.float64), masks[4:])
    assert stacked.result() == listed.result() == streamed(maps, masks, bits=16)


def test_without_both_kinds_of_pixels_there_is_no_result():
    collector = metrics.PixelMetrics(bits=9)
    with pytest.raises(
        InputError, match="result: masks must hold both normal and anomalous, got 0 normal"
    ):
        collector.result()
    collector.add(np.zeros((2, 2)), np.zeros((2, 2), bool))
    with pytest.raises(InputError, match="got 4 normal and 0 anomalous"):
        collector.result()
    collector.add(np.ones((2, 2)), np.eye(2))
    assert collector.result()["auroc"] == pytest.approx(5 / 6)


def test_a_refused_map_changes_nothing(sample):
    collector = metrics.PixelMetrics(bits=9)
    collector.add(*sample)
    before = collector.result()
    with pytest.raises(InputError, match="maps must hold no NaN, got one at"):
        collector.add([sample[0][0], np.full((30, 40), np.nan)], [sample[1][0], sample[1][1]])
    assert collector.result() == before


def test_memory_does_not_grow_with_the_number_of_maps():
    """300 maps of 512 x 512 are 300 MiB of values; only one and the histogram are in memory."""
    program = """
import resource, numpy as np, musc2
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
map = np.random.default_rng(0).random((512, 512), np.float32)
mask = np.zeros((512, 512), bool)
mask[100:200, 100:200] = True
collector = musc2.metrics.PixelMetrics()
for _ in range(10):
    collector.add(map, mask)
collector.result()
before = peak()
for _ in range(300):
    collector.add(map + 0, mask)
collector.result()
print(peak() - before)
"""
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout) < 30, "MiB"
