"""The data set "folder": roles, labels and partners of your own files."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from musc2 import datasets
from musc2.errors import InputError


def refused(root, message):
    with pytest.raises(InputError, match="load: .*" + message):
        datasets.load("folder", root)


def test_a_folder_is_called_by_its_name_wherever_it_is_seen_from(tmp_path, monkeypatch):
    root = datasets.write("folder", tmp_path / "made", count=5, size=32)
    for place, seen in ((root, "."), (root / "rgb", "..")):
        monkeypatch.chdir(place)
        assert {sample.category for sample in datasets.load("folder", seen)} == {"made"}


@pytest.fixture
def parts(tmp_path):
    """Three pictures with scans and one mask, as arrays to be saved in any way."""

    def save(place, kind):
        path = tmp_path / "own" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "rgb":
            Image.new("RGB", (8, 6)).save(path)
        elif kind == "mask":
            Image.new("L", (8, 6), 255).save(path)
        elif path.suffix == ".npy":
            np.save(path, np.ones((6, 8, 3), np.float32))
        else:
            tifffile.imwrite(path, np.ones((6, 8, 3), np.float32), photometric="rgb")

    return save


def short(samples):
    return [
        (
            sample.name,
            sample.label,
            sample.defect,
            bool(sample.rgb),
            bool(sample.xyz),
            bool(sample.mask),
        )
        for sample in samples
    ]


def test_a_folder_of_images_alone_has_no_labels(tmp_path, parts):
    for name in ("b.png", "a.JPG", "within/c.tif"):
        parts(name, "rgb")
    (tmp_path / "own/notes.txt").write_text("mine")
    samples = datasets.load("folder", tmp_path / "own")
    assert short(samples) == [
        (name, None, "", True, False, False) for name in ("a", "b", "within/c")
    ]
    assert datasets.load_mask(samples[0]) is None
    assert datasets.load_cloud(samples[0]) is None


def test_a_folder_of_images_scans_and_masks_side_by_side(tmp_path, parts):
    for name, kind in (
        ("1.png", "rgb"),
        ("1.tiff", "xyz"),
        ("2.png", "rgb"),
        ("2.npy", "xyz"),
        ("2_mask.png", "mask"),
    ):
        parts(name, kind)
    samples = datasets.load("folder", tmp_path / "own", categories=["own"])
    assert short(samples) == [
        ("1", False, "good", True, True, False),
        ("2", True, "bad", True, True, True),
    ]
    assert datasets.load_mask(samples[1]).all()
    assert not datasets.load_mask(samples[0]).any()
    Image.new("L", (8, 6)).save(tmp_path / "own/2_mask.png")
    assert not any(sample.label for sample in datasets.load("folder", tmp_path / "own"))
    parts("3.png", "rgb")
    refused(tmp_path / "own", "3.png must have a scan of its stem, as others have")
    parts("3.npy", "xyz")
    parts("4_mask.png", "mask")
    refused(tmp_path / "own", "4_mask.png must have an image or scan of its stem")


def test_folders_called_good_label_all_parts(tmp_path, parts):
    for kind in ("good", "bent"):
        for index in range(2):
            parts(f"{kind}/rgb/{index}.png", "rgb")
            parts(f"{kind}/xyz/{index}.tiff", "xyz")
    parts("bent/gt/1.png", "mask")
    samples = datasets.load("folder", tmp_path / "own")
    assert short(samples) == [
        ("bent/0", True, "bent", True, True, False),
        ("bent/1", True, "bent", True, True, True),
        ("good/0", False, "good", True, True, False),
        ("good/1", False, "good", True, True, False),
    ]


def test_a_glob_finds_what_it_matches(tmp_path, parts):
    for name in ("day1/a.png", "day2/b.png", "day2/c.bmp"):
        parts(name, "rgb")
    samples = datasets.load("folder", tmp_path / "own/*/*.png")
    assert [sample.name for sample in samples] == ["day1/a", "day2/b"]
    assert {sample.category for sample in samples} == {"own"}
    assert len(datasets.load("folder", str(tmp_path / "own/**/*"))) == 3
    refused(tmp_path / "own/*.jpeg", "must hold images")
    parts("xyz/z.tiff", "xyz")
    assert short(datasets.load("folder", tmp_path / "own/xyz/*")) == [
        ("z", None, "", False, True, False)
    ]
    parts("rgb/day1/a.png", "rgb")
    refused(tmp_path / "own", "a.png must be the only one of its stem")


def test_a_tiff_beside_an_image_is_a_scan_in_upper_case_too(tmp_path, parts):
    parts("1.png", "rgb")
    parts("1.tiff", "xyz")
    (tmp_path / "own/1.tiff").rename(tmp_path / "own/1.TIFF")
    assert short(datasets.load("folder", tmp_path / "own")) == [("1", None, "", True, True, False)]
