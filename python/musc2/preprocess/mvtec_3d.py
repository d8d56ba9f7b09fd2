"""MVTec 3D-AD: remove the plane of the border, and of the rest all but the largest cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from musc2 import checks
from musc2.inputs import Label
from musc2.inputs.background import remove_plane
from musc2.ops import cluster_grid
from musc2.preprocess import task_files
from musc2.preprocess.task import OP, Task, require_file
from musc2.preprocess.task_files import Array

LAYOUT = "CATEGORY/{train, validation, test}/DEFECT/{rgb/000.png, xyz/000.tiff, gt/000.png}"
_FIT_DISTANCE = 0.004  # meters from the plane of points that it is fitted to
_REMOVE_DISTANCE = 0.005  # meters from the plane of points that are removed
_EPS, _MIN_POINTS = 0.006, 30  # of the clustering
_SIDE_STEP = 100  # pixels; sides are rounded up to a multiple


def tasks(root: Path, out: Path) -> Iterator[Task]:
    """Yield a task for each part, sorted by name."""
    for xyz in sorted(root.glob("*/*/*/xyz/*.tiff")):
        folder, name = xyz.parent.parent, f"{xyz.stem}.png"
        inputs = {"xyz": xyz, "rgb": require_file(folder / "rgb" / name, xyz)}
        mask = folder / "gt" / name
        if mask.is_file():
            inputs["gt"] = mask
        outputs = {kind: out / path.relative_to(root) for kind, path in inputs.items()}
        yield Task(category=folder.parent.parent.name, inputs=inputs, outputs=outputs)


def run(task: Task, seed: int) -> None:
    """Set all but the part to 0 and pad to a square."""
    path = task.inputs["xyz"]
    xyz = task_files.read_xyz(path)
    images = {}
    for kind in task.inputs.keys() - {"xyz"}:
        images[kind] = task_files.read_image(task.inputs[kind])
        if images[kind].shape[:2] != xyz.shape[:2]:
            requirement = f"must have the size of {path.name}, {_size(xyz)}"
            checks.refuse(OP, f"{task.inputs[kind]}", requirement, _size(images[kind]))
    label = Label(op=OP, text=f"{path}")
    xyz = remove_plane(xyz, fit=_FIT_DISTANCE, remove=_REMOVE_DISTANCE, seed=seed, label=label)
    part = largest_cluster(cluster_grid(xyz, eps=_EPS, min_points=_MIN_POINTS).numpy())
    if not part.any():
        requirement = (
            f"must have {_MIN_POINTS} points within {_EPS} of one above the plane of its border"
        )
        label.refuse(requirement, "none")
    xyz[~part] = 0
    images["rgb"][~part] = 0
    for kind, pixels in images.items():
        task_files.write_image(task.outputs[kind], pad_to_square(pixels))
    task_files.write_xyz(task.outputs["xyz"], pad_to_square(xyz))


def largest_cluster(labels: Array) -> Array:
    """Return the pixels (H, W) of the cluster with the most points, the first of several."""
    sizes = np.bincount(labels[labels >= 0])
    if len(sizes) == 0:
        return np.zeros(labels.shape, bool)
    return np.asarray(labels == sizes.argmax())


def pad_to_square(values: Array) -> Array:
    """Return values (H, W, ...) in the middle of a black square.

    Its side is the longer one, rounded up to whole hundreds.
    """
    height, width = values.shape[:2]
    side = -(-max(height, width) // _SIDE_STEP) * _SIDE_STEP
    top, left = (side - height) // 2, (side - width) // 2
    padding = [(top, side - height - top), (left, side - width - left)]
    padding += [(0, 0) for _ in range(values.ndim - 2)]
    return np.pad(values, padding)


def _size(values: Array) -> str:
    return f"{values.shape[0]} x {values.shape[1]}"
