"""Eyecandies: convert depth to points, remove the far end, keep the brightest cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from musc2 import checks
from musc2.datasets import depth_files
from musc2.ops import cluster_grid
from musc2.preprocess import task_files
from musc2.preprocess.task import OP, Task, require_file
from musc2.preprocess.task_files import Array

LAYOUT = (
    "CATEGORY/{train, val, test_public}/data/"
    "00_{depth.png, info_depth.yaml, pose.txt, image_0.png} "
    "and, where there are defects, 00_mask.png"
)
SPLITS = {"train": "train", "val": "val", "test_public": "test"}  # their names in the output
_COMPANIONS = {"info": "info_depth.yaml", "pose": "pose.txt", "rgb": "image_0.png"}
_FAR_SHARE = 0.01  # of the range of y, which points away from the camera
_NO_FAR_END = ("GummyBear", "LicoriceSandwich", "Marshmallow")  # parts reach the background
_EPS, _MIN_POINTS = 0.03, 30  # of the clustering


def tasks(root: Path, out: Path) -> Iterator[Task]:
    """Yield a task for each part, sorted by name; a part is defective if its mask is not black."""
    for depth in sorted(root.glob("*/*/data/*_depth.png")):
        category, split = depth.parents[2].name, SPLITS.get(depth.parents[1].name)
        if split is None:  # test_private has no labels
            continue
        number = depth.name.removesuffix("_depth.png")
        inputs = {"depth": depth}
        for kind, name in _COMPANIONS.items():
            inputs[kind] = require_file(depth.with_name(f"{number}_{name}"), depth)
        mask, defect = depth.with_name(f"{number}_mask.png"), "good"
        if mask.is_file():
            inputs["gt"] = mask
            defect = "bad" if task_files.read_image(mask).any() else "good"
        folder = out / category / split / defect
        outputs = {"xyz": folder / "xyz" / f"{number}.tiff"}
        for kind in ("rgb", "gt"):
            if kind in inputs:
                outputs[kind] = folder / kind / f"{number}.png"
        yield Task(category=category, inputs=inputs, outputs=outputs)


def run(task: Task, seed: int) -> None:
    """Write the xyz map of the part alone; image and mask stay as they are. Nothing is random."""
    depth, rgb = _read_depth(task), task_files.read_image(task.inputs["rgb"])
    if rgb.shape[:2] != depth.shape:
        requirement = f"must have the size of {task.inputs['depth'].name}, {depth.shape}"
        checks.refuse(OP, f"{task.inputs['rgb']}", requirement, rgb.shape[:2])
    xyz = world_points(depth, _read_pose(task.inputs["pose"]))
    foreground = depth > 0
    if task.category not in _NO_FAR_END:
        foreground &= ~far_end(xyz[:, :, 1], foreground)
    points = xyz.astype(np.float32)
    clusters = cluster_grid(points, eps=_EPS, min_points=_MIN_POINTS, foreground=foreground)
    part = brightest_cluster(clusters.numpy(), rgb)
    if not part.any():
        requirement = f"must have {_MIN_POINTS} points within {_EPS} of one before the far end"
        checks.refuse(OP, f"{task.inputs['depth']}", requirement, "none")
    for kind in task.outputs.keys() - {"xyz"}:
        task_files.write_image(task.outputs[kind], task_files.read_image(task.inputs[kind]))
    part_points = np.where(part[:, :, None], xyz, 0)
    task_files.write_xyz(task.outputs["xyz"], part_points.astype(np.float32))


def world_points(depth: Array, camera_to_world: Array) -> Array:
    """Return the points (H, W, 3) in the world of depth (H, W).

    In float64, unlike ``inputs.clouds.from_depth``: the far end is cut off by these values.
    """
    height, width = depth.shape
    row, column = np.indices(depth.shape)
    focal_length = depth_files.FOCAL_LENGTH * width
    x = (column - width / 2) * depth / focal_length
    y = (row - height / 2) * depth / focal_length
    return depth_files.to_world(np.stack([x, y, depth], 2), camera_to_world)


def far_end(y: Array, foreground: Array) -> Array:
    """Return the pixels (H, W) in the last hundredth of the foreground's range of y."""
    low, high = y[foreground].min(initial=np.inf), y[foreground].max(initial=-np.inf)
    if low >= high:
        return np.zeros(y.shape, bool)
    return np.asarray(y >= high - _FAR_SHARE * (high - low))


def brightest_cluster(labels: Array, rgb: Array) -> Array:
    """Return the pixels (H, W) of the cluster that has the highest value of any channel.

    labels: (H, W); rgb: (H, W, 3). Of equal clusters the first counts.
    """
    count = labels.max(initial=-1) + 1
    if count == 0:
        return np.zeros(labels.shape, bool)
    values = rgb.max(axis=2) if rgb.ndim == 3 else rgb
    is_clustered = labels >= 0
    highest = np.zeros(count)
    np.maximum.at(highest, labels[is_clustered], values[is_clustered])
    return np.asarray(labels == highest.argmax())


def _read_depth(task: Task) -> Array:
    """Return (H, W) float64 in meters."""
    path, info = task.inputs["depth"], task.inputs["info"]
    levels = task_files.read_image(path)
    if levels.ndim != 2:
        checks.refuse(OP, f"{path}", "must have one channel", f"shape {levels.shape}")
    text = task_files.read_text(info)
    low, high = _bound(text, "min", info), _bound(text, "max", info)
    return depth_files.to_meters(levels, low, high)


def _bound(text: str, name: str, path: Path) -> float:
    try:
        return depth_files.parse_bound(text, name)
    except ValueError as error:
        checks.refuse(OP, f"{path}", f"must say what {name} is", error)


def _read_pose(path: Path) -> Array:
    text = task_files.read_text(path)
    try:
        return depth_files.parse_pose(text)
    except (ValueError, np.linalg.LinAlgError):
        got = " ".join(text.split()[:16]) or "nothing"
        checks.refuse(OP, f"{path}", "must hold an invertible 4 x 4 matrix", got)
