"""Metrics of maps that are looked at one by one are those of all maps at once."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from musc2 import metrics
from musc2.errors import InputError
from musc2.metrics import streaming

SAME = {"rel": 0, "abs": 1e-12}


@pytest.fixture(params=["continuous", "ties", "infinite"])
def sample(request, rng):
    """Maps and masks of 6 x 30 x 40; half of the masks are empty."""
    masks = rng.random((6, 30, 40)) < 0.1
    masks[1::2] = False
    maps = rng.standard_normal(masks.shape) + masks
    changed = {"ties": np.round(4 * maps) * -0.5, "infinite": np.where(maps > 2, np.inf, maps)}
    return changed.get(request.param, maps).astype(np.float32), masks


class Lazy:
    """A sequence that computes an item whenever it is looked at, and counts that."""

    def __init__(self, items, compute):
        self.items, self.compute, self.looks = items, compute, []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.looks.append(index)
        return self.compute(self.items[index])


@pytest.mark.parametrize("batch", [1, 2000, 2**22])
def test_equal_to_all_at_once(monkeypatch, sample, batch):
    monkeypatch.setattr(streaming, "_BATCH", batch)
    maps, masks = sample
    lazy_masks = Lazy(masks, lambda mask: mask * np.uint8(255))
    streamed = metrics.pixel_metrics_streamed(torch.from_numpy(maps), lazy_masks)
    assert streamed == pytest.approx(metrics.pixel_metrics(maps, masks), **SAME)
    assert lazy_masks.looks == [0, 1, 2, 3, 4, 5]


def test_maps_may_be_computed_whenever_they_are_looked_at(sample):
    maps, masks = sample[0].clip(-9, 9), sample[1]
    lazy_maps = Lazy(maps, torch.from_numpy)
    exact = metrics.pixel_metrics(maps, masks)
    assert metrics.pixel_metrics_streamed(lazy_maps, masks) == pytest.approx(exact, **SAME)
    assert lazy_maps.looks == 2 * [0, 1, 2, 3, 4, 5]
    lazy_maps.looks.clear()
    metrics.pixel_metrics_streamed(lazy_maps, masks, only=["aupro_published"])
    assert lazy_maps.looks == 5 * [0, 1, 2, 3, 4, 5]


def test_the_published_aupro_is_the_same(sample):
    maps, masks = sample[0].clip(-9, 9), sample[1]
    streamed = metrics.pixel_metrics_streamed(maps, masks, only=["aupro_published", "auroc"])
    expected = metrics.aupro_published(maps, masks)
    assert streamed["aupro_published"] == pytest.approx(expected, **SAME)
    assert list(streamed) == ["aupro_published", "auroc"]


def test_maps_may_differ_in_size_and_are_rounded(sample):
    maps = [map[:, : 10 + 5 * index] for index, map in enumerate(sample[0].astype(np.float64))]
    masks = [mask[:, : 10 + 5 * index] for index, mask in enumerate(sample[1])]
    expected = metrics.pixel_metrics([map.astype(np.float32) for map in maps], masks)
    assert metrics.pixel_metrics_streamed(maps, masks) == pytest.approx(expected, **SAME)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda v, t: (v, t & False),
            "masks must hold both normal and anomalous, got 7200 normal and 0 anomalous",
        ),
        (
            lambda v, t: (v, t | True),
            "masks must hold both normal and anomalous, got 0 normal and 7200 anomalous",
        ),
        (
            lambda v, t: (v[:0], t[:0]),
            "masks must hold both normal and anomalous, got 0 normal and 0 anomalous",
        ),
        (lambda v, t: (v, t[:3]), "masks must be as many as maps, 6, got 3"),
        (
            lambda v, t: (v, t[:, :9]),
            r"masks\[0\] must have the shape of maps\[0\], \(30, 40\), got \(9, 40\)",
        ),
        (
            lambda v, t: ([*v[:2], v[2] * np.nan], t[:3]),
            r"maps\[2\] must hold no NaN, got one at \(0, 0\)",
        ),
        (lambda v, t: (v, t + 2), r"masks\[0\] must be bool, 0 and 1, or 0 and 255"),
        (lambda v, t: (v[:, 0], t[:, 0]), r"maps\[0\] must have shape \(H, W\), got \(40,\)"),
    ],
)
def test_arguments_without_a_metric_are_refused_by_name(rng, change, message):
    maps = rng.standard_normal((6, 30, 40)).astype(np.float32)
    with pytest.raises(InputError, match=f"^pixel_metrics_streamed: {message}"):
        metrics.pixel_metrics_streamed(*change(maps, maps > 1))


def test_memory_does_not_grow_with_the_number_of_maps():
    """300 maps of 512 x 512 are 300 MiB of values: no metric copies them all."""
    program = """
import resource, numpy as np, musc2
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
rng, mask = np.random.default_rng(0), np.zeros((512, 512), bool)
mask[100:110, 100:110] = True
names = musc2.metrics.names("pixel")
compute = lambda n: musc2.metrics.pixel_metrics_streamed(maps[:n], [mask] * n, only=names)
maps = [rng.random((512, 512), np.float32) for _ in range(300)]
compute(20)
before = peak()
compute(300)
print(peak() - before)
"""
    # Free memory is returned to the system, so that it does not count.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert int(run.stdout) < 30, "MiB"
