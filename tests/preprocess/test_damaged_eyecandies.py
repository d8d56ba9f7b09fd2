"""What is wrong with a part of Eyecandies is said by name."""

import numpy as np
import pytest
import scans

from musc2.errors import InputError
from musc2.preprocess import eyecandies, preprocess


def damage(name):
    """Return a function that damages one file of the first part."""

    def depth_of_three_channels(start):
        scans.save(start / "00_depth.png", np.zeros((128, 128, 3), np.uint8))

    def small_picture(start):
        scans.save(start / "00_image_0.png", np.zeros((64, 128, 3), np.uint8))

    def no_part(start):
        noise = np.random.default_rng(0).integers(0, 1 << 16, (128, 128), np.uint16)
        scans.save(start / "00_depth.png", noise)

    def no_bound(start):
        (start / "00_info_depth.yaml").write_text("normalization:\n  max: 2\n")

    def no_pose(start):
        (start / "00_pose.txt").write_text("1 2 3")

    return locals()[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("depth_of_three_channels", r"00_depth\.png must have one channel, got shape"),
        ("small_picture", r"00_image_0\.png must have the size of 00_depth\.png, \(128, 128\)"),
        ("no_part", r"00_depth\.png must have \d+ points within .* of one before the far end"),
        ("no_bound", r"00_info_depth\.yaml must say what min is"),
        ("no_pose", r"00_pose\.txt must hold an invertible 4 x 4 matrix, got 1 2 3"),
    ],
)
def test_a_damaged_part_is_named(rng, tmp_path, name, message):
    scans.write_eyecandies(tmp_path / "root", rng)
    damage(name)(tmp_path / "root/Lollipop/train/data")
    with pytest.raises(InputError, match=message):
        preprocess("eyecandies", tmp_path / "root", tmp_path / "out", jobs=1)


def test_a_split_without_labels_is_left_out(rng, tmp_path):
    root = tmp_path / "root"
    scans.write_eyecandies(root, rng)
    (root / "Lollipop/train").rename(root / "Lollipop/test_private")
    tasks = list(eyecandies.tasks(root, tmp_path / "out"))
    assert [task.inputs["depth"].name for task in tasks] == ["07_depth.png"]


def test_a_flat_foreground_has_no_far_end():
    y = np.ones((3, 4))
    assert not eyecandies.far_end(y, np.ones((3, 4), bool)).any()
    assert not eyecandies.far_end(y, np.zeros((3, 4), bool)).any()


def test_a_gray_picture_has_a_brightest_cluster():
    labels = np.array([[0, 0, 1, 1], [-1, 0, 1, -1]])
    gray = np.array([[9, 1, 2, 3], [250, 1, 10, 250]], np.uint8)
    assert eyecandies.brightest_cluster(labels, gray).tolist() == [
        [False, False, True, True],
        [False, False, True, False],
    ]
