"""Eyecandies: depth becomes points in the world; the far end goes, and of what is left the brightest cluster stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from musc2.datasets import depth_files
from musc2.ops import cluster_grid
from musc2.preprocess import files
from musc2.preprocess.task import Task, refuse, require

LAYOUT = (
    "CATEGORY/{train, val, test_public}/data/00_{depth.png, info_depth.yaml, pose.txt, image_0.png} "
    "and, where there are defects, 00_mask.png"
)
SPLITS = {"train": "train", "val": "val", "test_public": "test"}  # their names here and in the result
_FAR = 0.01  # share of the range of y, along which the world goes away from the camera
_CLOSE = ("GummyBear", "LicoriceSandwich", "Marshmallow")  # whose parts reach as far as what is behind them
_EPS, _MIN_POINTS = 0.03, 30


def tasks(root: Path, out: Path) -> Iterator[Task]:
    """What there is to do, in the order of names. Defects are those with anything in their masks."""
    for depth in sorted(root.glob("*/*/data/*_depth.png")):
        category, split = depth.parents[2].name, SPLITS.get(depth.parents[1].name)
        if split is None:  # test_private, of which nothing is known
            continue
        number = depth.name.removesuffix("_depth.png")
        reads = {"depth": depth}
        for kind, name in (("info", "info_depth.yaml"), ("pose", "pose.txt"), ("rgb", "image_0.png")):
            reads[kind] = require(depth.with_name(f"{number}_{name}"), depth)
        mask, defect = depth.with_name(f"{number}_mask.png"), "good"
        if mask.is_file():
            reads["gt"] = mask
            defect = "bad" if files.read_picture(mask).any() else "good"
        folder = out / category / split / defect
        writes = {"xyz": folder / "xyz" / f"{number}.tiff"}
        writes |= {kind: folder / kind / f"{number}.png" for kind in ("rgb", "gt") if kind in reads}
        yield Task(category=category, reads=reads, writes=writes)


def run(task: Task, seed: int) -> None:
    """Writes the xyz map of the part alone; image and mask stay as they are. Nothing here is random."""
    depth, rgb = _depth(task), files.read_picture(task.reads["rgb"])
    if rgb.shape[:2] != depth.shape:
        refuse(task.reads["rgb"], f"must have the size of {task.reads['depth'].name}, {depth.shape}", rgb.shape[:2])
    xyz, there = in_world(depth, _camera(task.reads["pose"])), depth > 0
    if task.category not in _CLOSE:
        there &= ~far(xyz[:, :, 1], there)
    labels = cluster_grid(xyz.astype(np.float32), eps=_EPS, min_points=_MIN_POINTS, foreground=there).numpy()
    part = brightest(labels, rgb)
    if not part.any():
        refuse(task.reads["depth"], f"must have {_MIN_POINTS} points within {_EPS} of one before the far end", "none")
    for kind in task.writes.keys() - {"xyz"}:
        files.write_picture(task.writes[kind], files.read_picture(task.reads[kind]))
    files.write_xyz(task.writes["xyz"], np.where(part[:, :, None], xyz, 0).astype(np.float32))


def in_world(depth: files.Array, camera: files.Array) -> files.Array:
    """(H, W) -> (H, W, 3) float64: where pixels are in the world, where the ``camera`` (4, 4) is as well."""
    height, width = depth.shape
    row, column = np.indices(depth.shape)
    focal = depth_files.FOCAL * width
    x, y = (column - width / 2) * depth / focal, (row - height / 2) * depth / focal
    return depth_files.in_world(np.stack([x, y, depth], 2), camera)


def far(away: files.Array, there: files.Array) -> files.Array:
    """(H, W), (H, W) bool -> (H, W) bool: the last hundredth of the range of what is there."""
    low, high = away[there].min(initial=np.inf), away[there].max(initial=-np.inf)
    return np.asarray(away >= high - _FAR * (high - low)) if low < high else np.zeros(away.shape, bool)


def brightest(labels: files.Array, rgb: files.Array) -> files.Array:
    """(H, W) labels, (H, W, 3) -> (H, W) bool: the cluster with the highest value in any channel, or the first."""
    highest = np.zeros(labels.max(initial=-1) + 1)
    values = rgb.max(axis=2) if rgb.ndim == 3 else rgb
    np.maximum.at(highest, labels[labels >= 0], values[labels >= 0])
    return np.asarray(labels == (highest.argmax() if len(highest) else labels.size))


def _depth(task: Task) -> files.Array:
    """(H, W) float64 meters; what the 16 bits stand for is in the file beside."""
    where, info = task.reads["depth"], task.reads["info"]
    stored = files.read_picture(where)
    if stored.ndim != 2:
        refuse(where, "must have one channel", f"shape {stored.shape}")
    said = files.read_text(info)
    low, high = (_number(said, name, info) for name in ("min", "max"))
    return depth_files.meters(stored, low, high)


def _number(said: str, name: str, where: Path) -> float:
    try:
        return depth_files.bound(said, name)
    except ValueError as error:
        refuse(where, f"must say what {name} is", error)


def _camera(where: Path) -> files.Array:
    said = files.read_text(where)
    try:
        return depth_files.camera(said)
    except (ValueError, np.linalg.LinAlgError):
        refuse(where, "must hold an invertible 4 x 4 matrix", " ".join(said.split()[:16]) or "nothing")
