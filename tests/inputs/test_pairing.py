"""Images matched with scans and masks, and the names of samples."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError
from musc2.inputs import Label

IMAGES = np.zeros((3, 6, 8, 3), np.uint8)
MAPS = np.ones((3, 4, 4, 3), np.float32)


def test_samples_are_matched_by_position():
    samples = inputs.pair(IMAGES, MAPS, masks=np.ones((3, 5, 5)))
    assert [sample.name for sample in samples] == ["0", "1", "2"]
    assert [sample.index for sample in samples] == [0, 1, 2]
    assert samples[2].path is None
    sample = samples[2]
    labels = [source.label for source in (sample.image, sample.cloud, sample.mask)]
    assert labels == [Label(op="score", text=text) for text in ("rgb[2]", "pcd[2]", "masks[2]")]
    assert inputs.pair(IMAGES)[0].cloud is None
    assert inputs.pair(pcd=MAPS)[0].image is None


def test_files_give_names_and_keep_them_apart():
    named = [sample.name for sample in inputs.pair(["x/a.png", "x/b.png"], ["y/a.tiff", "y/b.npy"])]
    assert named == ["a", "b"]
    samples = inputs.pair(["good/rgb/0.png", "bent/rgb/0.png", IMAGES[0]])
    assert [sample.name for sample in samples] == ["good/rgb/0", "bent/rgb/0", "2"]
    assert [sample.name for sample in inputs.pair(["a.png", "a.jpg", "b.png"])] == [
        "a.png",
        "a.jpg",
        "b",
    ]
    assert [sample.name for sample in inputs.pair(pcd=["y/a.tiff"])] == ["a"]
    assert samples[0].path == Path("good/rgb/0.png")
    assert [sample.name for sample in inputs.pair(IMAGES, names=["p", "q", "r"])] == ["p", "q", "r"]


def test_stems_are_compared_only_where_both_are_files():
    assert len(inputs.pair(["a.png", IMAGES[0]], [MAPS[0], "b.tiff"])) == 2
    assert len(inputs.pair(["a.png", "b.png"], masks=["a_mask.png", "b.png"])) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "rgb or pcd must be given, got neither"),
        (
            {"rgb": IMAGES, "intrinsics": (1, 1, 0, 0)},
            "intrinsics must be given together with pcd, got no pcd",
        ),
        (
            {"rgb": IMAGES, "pcd": MAPS[:2]},
            "pcd must hold as many samples as rgb, 3, got 2; rgb[2] is the first without",
        ),
        (
            {"rgb": ["x/a.png", "x/b.png"], "pcd": ["y/a.tiff"]},
            "pcd must hold as many samples as rgb, 2, got 1; "
            "rgb[1] (x/b.png) is the first without counterpart",
        ),
        (
            {"rgb": ["x/a.png", "x/b.png"], "pcd": ["y/a.tiff", "y/c.tiff", "y/d.tiff"]},
            "pcd[1] (y/c.tiff) must have the file stem of rgb[1] (x/b.png), got 'c'",
        ),
        (
            {"rgb": IMAGES, "masks": np.ones((4, 5, 5))},
            "masks must hold as many samples as rgb, 3, got 4; masks[3] is",
        ),
        (
            {"rgb": ["a.png"], "masks": ["b_mask.png"]},
            "masks[0] (b_mask.png) must have the file stem of rgb[0] (a.png)",
        ),
        ({"rgb": IMAGES, "names": ["a"]}, "names must be one for each of the 3 samples, got 1"),
        ({"rgb": IMAGES, "names": "abc"}, "names must be a list of strings, got str"),
        ({"rgb": IMAGES, "names": [1, 2, 3]}, "names must be a list of strings, got list"),
        ({"rgb": IMAGES, "names": ["a", "b", "a"]}, "names must be different, got 'a' 2 times"),
    ],
)
def test_arguments_that_do_not_match_are_named(arguments, message):
    with pytest.raises(InputError) as raised:
        inputs.pair(**arguments)
    assert f"score: {message}" in str(raised.value)


def test_masks_of_every_form_are_read_as_foreground(tmp_path):
    foreground = np.zeros((3, 5, 4), bool)
    foreground[:, 1:3, 2] = True
    for index in range(3):
        Image.fromarray(np.uint8(255) * foreground[index]).save(tmp_path / f"{index}.png")
    deep = [Image.fromarray(mask.astype(np.uint16)) for mask in foreground]
    color = [
        Image.fromarray(np.stack([mask * 0, mask * 0, mask], 2).astype(np.uint8))
        for mask in foreground
    ]
    for form in (
        foreground,
        foreground.astype(np.int64),
        foreground * 0.5,
        list(foreground),
        tmp_path,
        deep,
        color,
    ):
        masks = [source.read() for source in inputs.list_masks(form)]
        assert all(mask.dtype == bool for mask in masks)
        assert (np.stack(masks) == foreground).all()
    assert inputs.list_masks([foreground[0, :, 2]])[0].read().shape == (5,)


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        (np.zeros((2, 5, 4)), r"masks\[0\] must leave some foreground, got none in \(5, 4\)"),
        (
            np.ones((2, 5, 4, 1)),
            r"masks must be a list or have shape \(N, H, W\), got \(2, 5, 4, 1\)",
        ),
        (
            [np.ones((5, 4, 3))],
            r"masks\[0\] must be numbers or booleans of shape \(H, W\), .* got float64 \(5, 4, 3\)",
        ),
        (np.full((2, 5, 4), np.nan), r"masks\[0\] must be finite, got NaN or infinity"),
    ],
)
def test_masks_that_cannot_be_used_are_named(masks, message):
    with pytest.raises(InputError, match="score: " + message):
        [source.read() for source in inputs.list_masks(masks)]
