"""Figures of maps that are looked at one by one are those of all maps at once."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from musc2 import metrics
from musc2.errors import InputError

SAME = {"rel": 0, "abs": 1e-12}


@pytest.fixture(params=["continuous", "ties", "infinite"])
def sample(request, rng):
    """Maps and masks of 6 x 30 x 40; half of the masks are empty."""
    masks = rng.random((6, 30, 40)) < 0.1
    masks[1::2] = False
    maps = rng.standard_normal(masks.shape) + masks
    changed = {"ties": np.round(4 * maps) * -0.5, "infinite": np.where(maps > 2, np.inf, maps)}
    return changed.get(request.param, maps).astype(np.float32), masks


class Made:
    """A sequence that makes each mask when it is asked for."""

    def __init__(self, masks):
        self.masks, self.asked = masks, []

    def __len__(self):
        return len(self.masks)

    def __getitem__(self, index):
        self.asked.append(index)
        return self.masks[index] * np.uint8(255)


@pytest.mark.parametrize("batch", [1, 2000, 2**22])
def test_equal_to_all_at_once(monkeypatch, sample, batch):
    monkeypatch.setattr(streaming, "_BATCH", batch)
    maps, masks = sample
    made = Made(masks)
    found = metrics.pixel_metrics_streamed(torch.from_numpy(maps), made)
    assert found == pytest.approx(metrics.pixel_metrics(maps, masks), **SAME)
    assert made.asked == [0, 1, 2, 3, 4, 5]


def test_the_published_aupro_is_the_same(sample):
    maps, masks = sample[0].clip(-9, 9), sample[1]
    found = metrics.pixel_metrics_streamed(maps, masks, only=["aupro_published", "auroc"])
    assert found["aupro_published"] == pytest.approx(metrics.aupro_published(maps, masks), **SAME)
    assert list(found) == ["aupro_published", "auroc"]


def test_maps_may_differ_in_size_and_are_rounded(sample):
    maps = [one[:, : 10 + 5 * index] for index, one in enumerate(sample[0].astype(np.float64))]
    masks = [one[:, : 10 + 5 * index] for index, one in enumerate(sample[1])]
    expected = metrics.pixel_metrics([one.astype(np.float32) for one in maps], masks)
    assert metrics.pixel_metrics_streamed(maps, masks) == pytest.approx(expected, **SAME)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v, t: (v, t & False), "masks must hold both normal and anomalous, got 7200 normal and 0 anomalous"),
        (lambda v, t: (v, t | True), "masks must hold both normal and anomalous, got 0 normal and 7200 anomalous"),
        (lambda v, t: (v[:0], t[:0]), "masks must hold both normal and anomalous, got 0 normal and 0 anomalous"),
        (lambda v, t: (v, t[:3]), "masks must be as many as maps, 6, got 3"),
        (lambda v, t: (v, t[:, :9]), r"masks\[0\] must have the shape of maps\[0\], \(30, 40\), got \(9, 40\)"),
        (lambda v, t: ([*v[:2], v[2] * np.nan], t[:3]), r"maps\[2\] must hold no NaN, got one at \(0, 0\)"),
        (lambda v, t: (v, t + 2), r"masks\[0\] must be bool, 0 and 1, or 0 and 255"),
        (lambda v, t: (v[:, 0], t[:, 0]), r"maps\[0\] must have shape \(H, W\), got \(40,\)"),
    ],
)
def test_what_has_no_figure_is_refused_by_name(rng, change, message):
    maps = rng.standard_normal((6, 30, 40)).astype(np.float32)
    with pytest.raises(InputError, match=f"^pixel_metrics_streamed: {message}"):
        metrics.pixel_metrics_streamed(*change(maps, maps > 1))


def test_memory_does_not_grow_with_the_number_of_maps():
    """300 maps of 512 x 512 are 300 MiB of values: no copy of all, whatever figures are asked for."""
    program = """
import resource, numpy as np, musc2
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
rng, mask = np.random.default_rng(0), np.zeros((512, 512), bool)
mask[100:110, 100:110] = True
figures = lambda n: musc2.metrics.pixel_metrics_streamed(maps[:n], [mask] * n, only=musc2.metrics.names("pixel"))
maps = [rng.random((512, 512), np.float32) for _ in range(300)]
figures(20)
before = peak()
figures(300)
print(peak() - before)
"""
    returned = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}  # what is free and glibc keeps does not count
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=returned)
    assert int(finished.stdout) < 30, "MiB"
