"""Make scans with a background, and data sets of them in their original layouts."""

import numpy as np
import tifffile
from PIL import Image


def part_on_a_table(rng, shape=(80, 80)):
    """Return xyz of a box of 20 mm height on a tilted table, and the pixels of the box.

    In meters, 1.25 mm between pixels.
    """
    v, u = (np.indices(shape) + 0.5) / 80 - np.reshape(shape, (2, 1, 1)) / 160
    box = (abs(u) < 0.2) & (abs(v) < 0.2)
    z = 0.4 + 0.02 * u - 0.01 * v - 0.02 * box + rng.normal(0, 3e-4, shape)
    return np.stack([0.1 * u, 0.1 * v, z], 2).astype(np.float32), box


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tiff":
        tifffile.imwrite(path, values, photometric="rgb")
    else:
        Image.fromarray(values).save(path)


def write_mvtec_3d(root, rng, shape=(80, 80)):
    """Write three parts with a crumb beside each; return the pixels of each xyz file's box."""
    boxes = {}
    for name in ("train/good/xyz/000", "test/good/xyz/000", "test/hole/xyz/003"):
        xyz, box = part_on_a_table(rng, shape)
        xyz[12:18, 12:18, 2] -= 0.02
        path = root / "bagel" / f"{name}.tiff"
        save(path, xyz)
        folder, number = path.parent.parent, f"{path.stem}.png"
        save(folder / "rgb" / number, rng.integers(1, 256, (*shape, 3), dtype=np.uint8))
        if "test" in name:
            save(folder / "gt" / number, np.uint8(255 * box * ("hole" in name)))
        boxes[path.relative_to(root)] = box
    return boxes


def write_eyecandies(root, rng, category="Lollipop"):
    """Write two parts, the second defective; return the bright disc, the dark one, and the depth.

    A part is a bright disc beside a dark one, with a wall behind them.
    """
    v, u = (np.indices((128, 128)) + 0.5) / 64 - 1
    bright, dark = np.hypot(u + 0.4, v) < 0.3, np.hypot(u - 0.45, v) < 0.35
    depth = np.where(bright, 1.0, np.where(dark, 1.2, 1.5)) + 0.001 * rng.random(u.shape)
    for number, split in (("00", "train"), ("07", "test_public")):
        start = root / category / split / "data" / number
        levels = ((depth - 0.5) / 2 * 65535).round().astype(np.uint16)
        save(start.with_name(f"{number}_depth.png"), levels)
        light = np.where(bright, 200, np.where(dark, 90, 20))
        save(
            start.with_name(f"{number}_image_0.png"),
            np.repeat(light[..., None], 3, 2).astype(np.uint8),
        )
        save(start.with_name(f"{number}_mask.png"), np.uint8(255 * dark * (split != "train")))
        start.with_name(f"{number}_info_depth.yaml").write_text(
            "normalization:\n  max: 2.5\n  min: 0.5\n"
        )
        start.with_name(f"{number}_pose.txt").write_text("1 0 0 0\n0 0 -1 0.5\n0 1 0 0\n0 0 0 1\n")
    return bright, dark, depth
