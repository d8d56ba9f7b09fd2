"""Whole sets: in order, in threads, with bounded look-ahead, and past unreadable files."""

import threading

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError
from musc2.inputs.ordered_map import ordered_map

PREPARATION = inputs.Preparation(size=16)


def load(samples, on_error="raise", threads=1):
    return inputs.load(samples, PREPARATION, on_error=on_error, threads=threads, ahead=4)


@pytest.fixture
def files(tmp_path, rng):
    """Twelve images and maps of different sizes."""
    (tmp_path / "rgb").mkdir()
    (tmp_path / "xyz").mkdir()
    for index in range(12):
        image = rng.integers(0, 256, (20 + index, 30, 3), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / f"rgb/{index:02}.png")
        tifffile.imwrite(
            tmp_path / f"xyz/{index:02}.tiff",
            rng.random((18, 20 + index, 3), dtype=np.float32) + 1,
            photometric="rgb",
        )
    return tmp_path


def test_samples_come_prepared_in_order_whatever_the_threads(files):
    samples = inputs.pair(files / "rgb", files / "xyz", masks=np.eye(12)[:, :, None] + np.ones(9))
    runs = [list(load(samples, threads=threads)) for threads in (1, 2, 5)]
    for run in runs:
        assert [part.sample.name for part in run] == [f"{index:02}" for index in range(12)]
        assert [part.image_size for part in run] == [(20 + index, 30) for index in range(12)]
        assert [part.cloud_size for part in run] == [(18, 20 + index) for index in range(12)]
        for part, first in zip(run, runs[0], strict=True):
            assert torch.equal(part.image, first.image)
            assert torch.equal(part.cloud.points, first.cloud.points)
            assert part.mask.shape == (12, 9)
    prepared = runs[0][3]
    with Image.open(files / "rgb/03.png") as image:
        assert torch.equal(prepared.image, inputs.prepare_image(image, PREPARATION))
    assert prepared.cloud.size == (16, 16)


def test_one_modality_is_enough(files):
    image = inputs.prepare(inputs.pair(files / "rgb")[0], PREPARATION)
    assert (image.cloud, image.cloud_size, image.mask) == (None, None, None)
    scan = inputs.prepare(inputs.pair(pcd=[np.ones((5, 3))])[0], PREPARATION)
    assert (scan.image, scan.image_size, scan.cloud_size) == (None, None, None)
    assert scan.cloud.rows.tolist() == [0, 1, 2, 3, 4]


def test_an_unreadable_file_is_named_or_skipped(files):
    (files / "rgb/04.png").write_bytes(b"no image")
    tifffile.imwrite(files / "xyz/07.tiff", np.zeros((8, 8, 3), np.float32), photometric="rgb")
    samples = inputs.pair(files / "rgb", files / "xyz")
    for threads in (1, 3):
        loaded = load(samples, threads=threads)
        before = [next(loaded).sample.index for _ in range(4)]
        message = r"score: rgb\[4\] \(.*04.png\) must be readable as an image"
        with pytest.raises(InputError, match=message):
            next(loaded)
        assert before == [0, 1, 2, 3]
        remaining = list(load(samples, on_error="skip", threads=threads))
        errors = [item for item in remaining if isinstance(item, inputs.LoadError)]
        assert [item.sample.index for item in remaining] == list(range(12))
        assert [error.sample.name for error in errors] == ["04", "07"]
        assert "rgb[4]" in str(errors[0].error)
        path = files / "xyz/07.tiff"
        assert str(errors[1].error).startswith(f"score: pcd[7] ({path}) must have foreground")


def test_a_cloud_beside_an_image_has_no_place_in_it():
    samples = inputs.pair([np.zeros((4, 4, 3))], [np.ones((9, 3))])
    with pytest.raises(
        InputError, match=r"pcd\[0\] must have shape \(H, W, 3\) beside an image, .* got \(9, 3\)"
    ):
        inputs.prepare(samples[0], PREPARATION)


def test_references_are_named_as_such_in_errors(files):
    (files / "rgb/04.png").write_bytes(b"no image")
    tifffile.imwrite(files / "xyz/07.tiff", np.zeros((8, 8, 3), np.float32), photometric="rgb")
    arguments = {"op": "score", "prefix": "references: "}
    samples = inputs.pair(files / "rgb", files / "xyz", masks=np.ones((12, 9, 9)), **arguments)
    for index, message in (
        (4, r"^score: references: rgb\[4\] \(.*04.png\) must be readable as an image"),
        (
            7,
            r"^score: references: pcd\[7\] \(.*07.tiff\) must have foreground, got background only",
        ),
    ):
        with pytest.raises(InputError, match=message):
            inputs.prepare(samples[index], PREPARATION)
    samples = inputs.pair(pcd=np.ones((2, 4, 4, 3)), masks=np.zeros((2, 4, 4)), **arguments)
    with pytest.raises(InputError, match=r"^score: references: masks\[1\] must leave some foregr"):
        inputs.prepare(samples[1], PREPARATION)
    with pytest.raises(InputError, match=r"^score: references: pcd must hold as many samples as "):
        inputs.pair(files / "rgb", np.ones((3, 4, 4, 3)), **arguments)


def test_only_a_few_items_are_ahead_of_the_caller():
    lock, begun = threading.Lock(), []

    def work(item):
        with lock:
            begun.append(item)
        return item

    results = ordered_map(work, iter(range(1000)), threads=3, ahead=4)
    for taken in range(1, 20):
        assert next(results) == taken - 1
        assert len(begun) <= taken + 4
    results.close()
    assert len(begun) < 30


def test_an_empty_set_and_one_thread_are_nothing_special():
    for threads in (1, 4):
        assert list(ordered_map(str, [], threads=threads, ahead=2)) == []
        assert list(ordered_map(str, [1, 2], threads=threads, ahead=1)) == ["1", "2"]
