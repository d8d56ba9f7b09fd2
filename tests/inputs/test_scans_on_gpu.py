"""Xyz maps that a GPU centers and scales have the bits of the CPU's; a GPU is pretended."""

from dataclasses import replace

import backends
import numpy as np
import parts
import pytest
import torch

from musc2 import Config, part_encoding, score
from musc2.encoders.selection import Encoders
from musc2.errors import InputError
from musc2.inputs import Preparation, pair, prepare_cloud
from musc2.inputs._on_gpu import RawScan, normalized
from musc2.inputs.loading import load, prepare
from musc2.inputs.preparation import Points
from musc2.ops._support.dispatch import set_num_threads
from musc2.part_encoding import preparation
from musc2.progress import StageTimer

SIZE = 24
ON_GPU = Preparation(size=SIZE, scan_device="cuda")
NEEDS_METHOD = pytest.mark.skipif(
    "emulated" not in backends.names("score_tokens"), reason="needs all kernels of the method"
)
SMALL = parts.SMALL.replace(search_precision="float32")


def maps(rng):
    """Return xyz maps whose numbers are as different as sensors' are."""
    plain = rng.normal(size=(40, 30, 3))
    holes = plain.copy()
    holes[rng.random((40, 30)) < 0.6] = 0
    holes[:5] = np.nan
    holes[5, :9, 0] = np.inf
    far = plain * 1e-3 + [1e4, -3e7, 0.7]
    uneven = plain * [1e-12, 1, 1e6]
    single = np.zeros((40, 30, 3))
    single[20, 15] = [0.1, -0.2, 0.3]
    return {
        "float32": plain.astype(np.float32),
        "float64": plain,
        "float16": plain.astype(np.float16),
        "big endian": plain.astype(">f4"),
        "whole": rng.integers(-900, 900, (40, 30, 3), dtype=np.int16),
        "holes": holes,
        "holes, float32": holes.astype(np.float32),
        "far": far,
        "far, float32": far.astype(np.float32),
        "far, with holes": holes * 1e-3 + [1e4, -3e7, 0.7],
        "far and small": plain * 1e-7 + [1e4, -3e7, 0.7],
        "uneven": uneven,
        "large": plain * 1e17,
        "tiny": plain * 1e-290,
        "one point": single,
        "equal": np.full((40, 30, 3), [0.1, 1e-9, 700.3]),
        "equal, float32": np.full((40, 30, 3), [0.1, 1e-9, 700.3], np.float32),
    }


def raw_scans(values):
    scans = [prepare(sample, ON_GPU).scan for sample in pair(None, values)]
    assert all(isinstance(scan, RawScan) for scan in scans)
    return scans


def test_a_gpu_centers_and_scales_maps_to_the_bits_of_the_cpu(rng):
    pretended_gpu = pytest.importorskip("pretended_gpu", exc_type=ImportError)
    values = list(maps(rng).values())
    scans = raw_scans(values)
    narrow = [scan for scan in scans if scan.columns.dtype == torch.float32]
    assert 0 < len(narrow) < len(scans)
    for chosen in (scans, narrow, scans[:1], scans[-1:]):
        with pretended_gpu.present():
            on_gpu = normalized(chosen)
            assert all(points.is_cuda and points.is_contiguous() for points in on_gpu)
            results = [points.cpu() for points in on_gpu]
        for scan, points in zip(chosen, results, strict=True):
            expected = prepare_cloud(values[scans.index(scan)], Preparation(size=SIZE))
            assert torch.equal(points, expected.points)
            assert torch.equal(scan.pixels, expected.pixels)
            own = (scan.size, scan.input_count, scan.steps, scan.rows)
            assert own == (expected.size, expected.input_count, expected.steps, expected.rows)


def test_nothing_is_waited_for_and_launches_do_not_grow_with_the_maps(rng):
    pretended_gpu = pytest.importorskip("pretended_gpu", exc_type=ImportError)
    scans = raw_scans([*maps(rng).values()] * 3)[:32]
    launches = []
    for count in (8, 32):
        with pretended_gpu.present() as counts:
            normalized(scans[:count])
        assert counts.waits == []
        launches.append(sum(counts.launches.values()))
    assert launches[0] == launches[1] <= 24, launches


class Learning(parts.Spread):
    """An encoder that learns from all parts."""

    learns = True


def encoders(device, point_encoder=None):
    return Encoders(images=(), points=(point_encoder or parts.Spread(),), device=device)


@pytest.fixture
def one_thread():
    """Stay in the thread that the pretence is of."""
    set_num_threads(1)
    yield
    set_num_threads(None)


def loaded(samples, device):
    return list(part_encoding.loader(samples, encoders(device), SMALL, StageTimer()))


@NEEDS_METHOD
@pytest.mark.usefixtures("one_thread")
def test_a_batch_of_maps_is_prepared_and_grouped_with_one_wait(rng):
    pretended_gpu = pytest.importorskip("pretended_gpu", exc_type=ImportError)
    samples = pair(None, parts.maps(rng, 32))
    expected = loaded(samples, "cpu")
    launches = []
    for count in (8, 32):
        with pretended_gpu.present() as counts:
            results = loaded(samples[:count], "cuda")
        assert [reason for _, reason, _ in counts.waits] == ["stream"]
        launches.append(sum(counts.launches.values()))
    assert launches[0] == launches[1]
    for ours, theirs in zip(results, expected, strict=True):
        assert isinstance(ours.prepared.raw_scan, RawScan)
        assert isinstance(theirs.prepared.cloud, Points)
        for name in ("points", "centers", "curvature", "pixels"):
            values = getattr(ours.cloud, name)
            assert type(values) is torch.Tensor
            assert torch.equal(values, getattr(theirs.cloud, name))
        assert ours.cloud.size == theirs.cloud.size
        assert torch.equal(ours.groups.neighborhood.cpu(), theirs.groups.neighborhood)


@NEEDS_METHOD
@pytest.mark.usefixtures("one_thread")
def test_scores_are_those_of_maps_that_the_cpu_prepared(rng, monkeypatch):
    pretended_gpu = pytest.importorskip("pretended_gpu", exc_type=ImportError)
    dense = parts.maps(rng, 1, size=(70, 90))[0]  # thinned on the CPU, in the same batch
    scans = [*parts.maps(rng, 3).astype(np.float32), dense, *parts.maps(rng, 1)]
    arguments = {
        "rgb": parts.images(rng, 5),
        "pcd": scans,
        "encoder_2d": parts.colors,
        "encoder_3d": parts.Spread(),
        "device": "cuda",
        "config": SMALL.replace(scan_max_points=1700),
    }
    batches = []

    def watched(raw):
        batches.append(len(raw))
        return normalized(raw)

    monkeypatch.setattr(part_encoding, "normalized", watched)
    with pretended_gpu.present() as counts:
        on_gpu = score(**arguments)
    assert batches == [4]
    assert not any("pageable" in reason for _, reason, _ in counts.waits)
    monkeypatch.setattr(part_encoding, "_learns", lambda encoders: True)
    with pretended_gpu.present():
        on_cpu = score(**arguments)
    assert batches == [4]
    assert torch.equal(on_gpu.scores, on_cpu.scores)
    for ours, theirs in zip(on_gpu.maps, on_cpu.maps, strict=True):
        assert torch.equal(ours, theirs)


def test_the_cpu_keeps_what_the_gpu_does_not_take(rng):
    (values,) = parts.maps(rng, 1)
    (sample,), (cloud,) = pair(None, [values]), pair(None, [values.reshape(-1, 3)])
    count = prepare(sample, ON_GPU).scan.count
    assert isinstance(prepare(sample, replace(ON_GPU, max_points=count)).scan, RawScan)
    dense = prepare(sample, replace(ON_GPU, max_points=count - 1)).cloud
    assert isinstance(dense, Points)
    assert len(dense.kept) == count - 1
    published = prepare(sample, replace(ON_GPU, foreground="nonzero_xyz")).cloud
    assert isinstance(published, Points)
    assert isinstance(prepare(cloud, ON_GPU).scan, Points)
    assert isinstance(prepare(sample, Preparation(size=SIZE)).cloud, Points)
    (large,) = pair(None, [np.ones((257, 256, 3))])
    assert isinstance(prepare(large, replace(ON_GPU, size=256)).scan, RawScan)
    assert isinstance(prepare(large, replace(ON_GPU, size=257)).cloud, Points)


def test_the_device_is_that_of_the_groups_unless_an_encoder_learns(monkeypatch):
    assert preparation(encoders("cuda"), Config()).scan_device == "cpu"  # no kernels there
    monkeypatch.setattr(part_encoding, "device_of", lambda own, ops: own.device)
    assert preparation(encoders("cuda"), Config()).scan_device == "cuda"
    assert preparation(encoders("cuda", Learning()), Config()).scan_device == "cpu"
    assert preparation(encoders("cpu"), Config()).scan_device == "cpu"


def test_maps_without_foreground_are_named_together_before_a_gpu_is_asked(rng):
    scans = [*parts.maps(rng, 1), np.zeros((9, 9, 3)), np.full((9, 9, 3), 1e19)]
    prepared = load(pair(None, scans), ON_GPU, on_error="raise", threads=1, ahead=4)
    assert isinstance(next(prepared).scan, RawScan)
    with pytest.raises(InputError, match=r"pcd\[1\] must have foreground.*\n.*pcd\[2\] .*1e18"):
        next(prepared)
