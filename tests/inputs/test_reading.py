"""Whole sets: in order, in threads, with little memory, and around what cannot be read."""

import threading

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError
from musc2.inputs.ordered_map import in_order

HOW = inputs.Preparation(size=16, cloud_size=12)


@pytest.fixture
def files(tmp_path, rng):
    """Twelve images and maps of different sizes."""
    (tmp_path / "rgb").mkdir()
    (tmp_path / "xyz").mkdir()
    for index in range(12):
        image = rng.integers(0, 256, (20 + index, 30, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"rgb/{index:02}.png")
        tifffile.imwrite(
            tmp_path / f"xyz/{index:02}.tiff", rng.random((18, 20 + index, 3), dtype=np.float32) + 1, photometric="rgb"
        )
    return tmp_path


def test_samples_come_prepared_in_order_whatever_the_threads(files):
    samples = inputs.pair(files / "rgb", files / "xyz", masks=np.eye(12)[:, :, None] + np.ones(9))
    runs = [list(inputs.prepare(samples, HOW, threads=threads)) for threads in (1, 2, 5)]
    for run in runs:
        assert [part.sample.name for part in run] == [f"{index:02}" for index in range(12)]
        assert [part.image_size for part in run] == [(20 + index, 30) for index in range(12)]
        assert [part.cloud_size for part in run] == [(18, 20 + index) for index in range(12)]
        for part, first in zip(run, runs[0], strict=True):
            assert torch.equal(part.image, first.image)
            assert torch.equal(part.cloud.points, first.cloud.points)
            assert part.mask.shape == (12, 9)
    part = runs[0][3]
    with Image.open(files / "rgb/03.png") as image:
        assert torch.equal(part.image, inputs.prepare_image(image, 16))
    assert part.cloud.size == (12, 12)


def test_one_modality_is_enough(files):
    image = next(iter(inputs.prepare(inputs.pair(files / "rgb"), HOW)))
    assert (image.cloud, image.cloud_size, image.mask) == (None, None, None)
    cloud = next(iter(inputs.prepare(inputs.pair(pcd=[np.ones((5, 3))]), HOW)))
    assert (cloud.image, cloud.image_size, cloud.cloud_size) == (None, None, None)
    assert cloud.cloud.rows.tolist() == [0, 1, 2, 3, 4]


def test_an_unreadable_file_is_named_or_skipped(files):
    (files / "rgb/04.png").write_bytes(b"no image")
    tifffile.imwrite(files / "xyz/07.tiff", np.zeros((8, 8, 3), np.float32), photometric="rgb")
    samples = inputs.pair(files / "rgb", files / "xyz")
    for threads in (1, 3):
        parts = inputs.prepare(samples, HOW, threads=threads)
        before = [next(parts).sample.index for _ in range(4)]
        with pytest.raises(
            InputError, match=r"score: rgb\[4\] \(.*04.png\) must be readable, got UnidentifiedImageError"
        ):
            next(parts)
        assert before == [0, 1, 2, 3]
        found = list(inputs.prepare(samples, HOW, on_error="skip", threads=threads))
        failures = [part for part in found if isinstance(part, inputs.Failure)]
        assert [part.sample.index for part in found] == list(range(12))
        assert [failure.sample.name for failure in failures] == ["04", "07"]
        assert "rgb[4]" in str(failures[0].error)
        assert str(failures[1].error).startswith(f"score: pcd[7] ({files / 'xyz/07.tiff'}) must have foreground")


def test_a_cloud_beside_an_image_has_no_place_in_it():
    samples = inputs.pair([np.zeros((4, 4, 3))], [np.ones((9, 3))])
    with pytest.raises(InputError, match=r"pcd\[0\] must have shape \(H, W, 3\) beside an image, .* got \(9, 3\)"):
        list(inputs.prepare(samples, HOW))


def test_only_a_few_samples_are_ahead_of_the_one_who_asks():
    lock, begun = threading.Lock(), []

    def work(item):
        with lock:
            begun.append(item)
        return item

    results = in_order(work, iter(range(1000)), threads=3, ahead=4)
    for asked in range(1, 20):
        assert next(results) == asked - 1
        assert len(begun) <= asked + 4
    results.close()
    assert len(begun) < 30


def test_an_empty_set_and_one_thread_are_nothing_special():
    for threads in (1, 4):
        assert list(in_order(str, [], threads=threads, ahead=2)) == []
        assert list(in_order(str, [1, 2], threads=threads, ahead=1)) == ["1", "2"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be a whole number of at least 1, got 0"),
        ({"cloud_size": 2.0}, "cloud_size must be a whole number of at least 1, got 2.0"),
        ({"patch": True}, "patch must be a whole number of at least 1, got True"),
        ({"resample": "cubic"}, "resample must be one of bicubic, bilinear, got 'cubic'"),
        ({"resize": "crop"}, "resize must be one of square, fit, got 'crop'"),
        ({"background": "none"}, "background must be one of keep, plane, got 'none'"),
        ({"plane_distance": 0}, "plane_distance must be a finite number above 0, got 0"),
        ({"foreground": "all"}, "foreground must be one of depth, published, got 'all'"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(InputError, match="score: " + message):
        inputs.Preparation(**settings)


def test_options_are_checked():
    samples = inputs.pair(np.zeros((2, 4, 4)))
    with pytest.raises(InputError, match="score: on_error must be raise or skip, got 'ignore'"):
        inputs.prepare(samples, HOW, on_error="ignore")
    for option in ({"threads": 0}, {"ahead": 1.5}):
        with pytest.raises(InputError, match="must be None or a whole number of at least 1"):
            inputs.prepare(samples, HOW, **option)
