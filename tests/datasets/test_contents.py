"""The files of a sample: images, depth and masks, and errors about them."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from musc2 import datasets
from musc2.errors import InputError


def test_deep_images_and_masks_are_read(tmp_path):
    root = datasets.write("mvtec_ad", tmp_path / "made", count=5, size=32)
    bad = next(sample for sample in datasets.load("mvtec_ad", root) if sample.label)
    mask = np.zeros((32, 32), np.uint16)
    mask[3:5] = 300  # 44 in its lower byte, 1 in its upper
    Image.fromarray(mask).save(bad.mask)
    Image.fromarray(mask).save(bad.rgb)
    assert (datasets.load_mask(bad) == (mask > 0)).all()
    assert np.asarray(datasets.load_image(bad)).shape == (32, 32, 3)
    Image.fromarray(np.stack([mask.astype(np.uint8)] * 2, 2), "LA").save(bad.mask)
    assert (datasets.load_mask(bad) == (mask > 0)).all()


@pytest.mark.parametrize("kind", ["rgb", "xyz", "depth", "mask"])
def test_errors_begin_with_the_function_that_was_called(tmp_path, kind):
    """Errors of load_image do not mention score, or rgb[0]."""
    path = tmp_path / ("a.tiff" if kind == "xyz" else "a.png")
    path.write_bytes(b"damaged")
    depth = {"intrinsics": (1.0, 1.0, 0.0, 0.0)} if kind == "depth" else {}
    sample = datasets.LabeledSample(
        name="a", category="own", label=False, defect="good", **{kind: path}, **depth
    )
    readers = {"rgb": "load_image", "xyz": "load_cloud", "depth": "load_cloud", "mask": "load_mask"}
    name = readers[kind]
    with pytest.raises(InputError, match=rf"^{name}: .*{path.name}\)? must be .*readable.*, got "):
        getattr(datasets, name)(sample)
    if kind != "mask":  # a good part's mask has the size of its image, or of its scan
        with pytest.raises(InputError, match=rf"^load_mask: .*{path.name}\)? must be .*readable"):
            datasets.load_mask(sample)


@pytest.mark.parametrize("ending", ["png", "tiff", "npy"])
def test_depth_in_a_range_becomes_the_same_points_in_every_file(tmp_path, rng, ending):
    """As computed from 16-bit levels in float32: range, then camera, then pose."""
    levels = rng.integers(1, 65536, (6, 8)).astype(np.uint16)
    levels[2, 3] = 0
    path = tmp_path / f"a.{ending}"
    if ending == "png":
        Image.fromarray(levels).save(path)
    elif ending == "tiff":
        tifffile.imwrite(path, levels, photometric="minisblack")
    else:
        np.save(path, levels)
    pose = tmp_path / "pose.txt"
    pose.write_text("0 1 0 1\n-1 0 0 2\n0 0 1 3\n0 0 0 1\n")
    sample = datasets.LabeledSample(
        name="a",
        category="own",
        label=False,
        defect="good",
        depth=path,
        intrinsics=(9.0, 7.0, 3.5, 2.5),
        depth_range=(0.5, 2.5),
        pose=pose,
    )
    z = np.float32(0.5) + levels.astype(np.float32) / np.float32(65535) * np.float32(2)
    row, column = np.indices(levels.shape)
    x = ((column - 3.5) / 9).astype(np.float32) * z
    y = ((row - 2.5) / 7).astype(np.float32) * z
    turned = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    expected = (np.stack([x, y, z], 2) - [1.0, 2, 3]) @ turned.T
    points = datasets.load_cloud(sample)
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, expected, rtol=0, atol=1e-6)
