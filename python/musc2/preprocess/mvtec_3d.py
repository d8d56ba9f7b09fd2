"""MVTec 3D-AD: parts lie on a plane, which the border of every map shows; the largest of the rest is the part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from musc2.inputs import Label
from musc2.inputs.background import remove_plane
from musc2.ops import cluster_grid
from musc2.preprocess import files
from musc2.preprocess.task import Task, refuse, require

LAYOUT = "CATEGORY/{train, validation, test}/DEFECT/{rgb/000.png, xyz/000.tiff, gt/000.png}"
_FIT, _REMOVE = 0.004, 0.005  # meters from the plane: what it is fitted to, and what goes
_EPS, _MIN_POINTS = 0.006, 30
_STEP = 100  # pixels; sides are rounded up to a multiple


def tasks(root: Path, out: Path) -> Iterator[Task]:
    """What there is to do, in the order of names."""
    for xyz in sorted(root.glob("*/*/*/xyz/*.tiff")):
        folder, name = xyz.parent.parent, f"{xyz.stem}.png"
        reads = {"xyz": xyz, "rgb": require(folder / "rgb" / name, xyz)}
        if (truth := folder / "gt" / name).is_file():
            reads["gt"] = truth
        writes = {kind: out / path.relative_to(root) for kind, path in reads.items()}
        yield Task(category=folder.parent.parent.name, reads=reads, writes=writes)


def run(task: Task, seed: int) -> None:
    """Blackens all but the part, and pads to a square."""
    where = task.reads["xyz"]
    xyz, others = files.read_xyz(where), {}
    for kind in task.reads.keys() - {"xyz"}:
        others[kind] = files.read_picture(task.reads[kind])
        if others[kind].shape[:2] != xyz.shape[:2]:
            refuse(task.reads[kind], f"must have the size of {where.name}, {_size(xyz)}", _size(others[kind]))
    label = Label(op="preprocess", text=str(where))
    xyz = remove_plane(xyz, fit=_FIT, remove=_REMOVE, seed=seed, label=label)
    part = largest(cluster_grid(xyz, eps=_EPS, min_points=_MIN_POINTS).numpy())
    if not part.any():
        refuse(where, f"must have {_MIN_POINTS} points within {_EPS} of one above the plane of its border", "none")
    xyz[~part] = 0
    others["rgb"][~part] = 0
    for kind, values in others.items():
        files.write_picture(task.writes[kind], padded(values))
    files.write_xyz(task.writes["xyz"], padded(xyz))


def largest(labels: files.Array) -> files.Array:
    """(H, W) labels -> (H, W) bool: the cluster with the most points, the first of several."""
    sizes = np.bincount(labels[labels >= 0])
    return np.asarray(labels == (sizes.argmax() if len(sizes) else labels.size))


def padded(values: files.Array) -> files.Array:
    """(H, W, ...) in the middle of a black square whose side is the longer one, rounded up to whole hundreds."""
    height, width = values.shape[:2]
    side = -(-max(height, width) // _STEP) * _STEP
    around = [((side - each) // 2, side - each - (side - each) // 2) for each in (height, width)]
    return np.pad(values, [*around, *[(0, 0)] * (values.ndim - 2)])


def _size(values: files.Array) -> str:
    return f"{values.shape[0]} x {values.shape[1]}"
