"""What is in the files of a sample: its picture, its surface, and what of it is defective."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from musc2 import inputs
from musc2.datasets import depth_files
from musc2.datasets.sample import Sample
from musc2.datasets.trees import refuse
from musc2.inputs import Label, clouds, items, masks

_POINT_LABELS = ".txt"


def check(samples: Iterable[Sample]) -> None:
    """That pictures and masks are readable as far as their headers go, and of equal size."""
    for sample in samples:
        for path in (sample.xyz, sample.depth, sample.mask):
            if path is not None and not (path.is_file() and path.stat().st_size):
                refuse(path, "must be a file with something in it", "an empty one" if path.is_file() else "none")
        size = None if sample.rgb is None else size_of(sample.rgb)
        if size is not None and sample.mask is not None and size_of(sample.mask) != size:
            refuse(sample.mask, f"must have the size of {sample.rgb}, {_shown(size)}", _shown(size_of(sample.mask)))


def size_of(path: Path) -> tuple[int, int]:
    """(H, W) of a picture."""
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except Exception as error:  # PIL raises whatever a damaged file leads it to
        refuse(path, "must be a readable picture", f"{type(error).__name__}: {error}")


def load_image(sample: Sample) -> inputs.Picture | None:
    """Its image as ``score`` reads it, None where it has none."""
    return (
        None if sample.rgb is None else inputs.list_images([sample.rgb], Label(op="load_image", text="rgb"))[0].read()
    )


def load_cloud(sample: Sample) -> NDArray[Any] | None:
    """Its xyz map (H, W, 3) or cloud (P, 3), from depth where that is what it has; None where it has neither."""
    if sample.xyz is not None:
        return inputs.list_clouds([sample.xyz], argument=Label(op="load_cloud", text="xyz"))[0].read()
    if sample.depth is None or sample.intrinsics is None:
        return None
    depth = inputs.read_depth(sample.depth, "load_cloud")
    if sample.depth_range is not None:  # then 0 is the near end, not what is missing
        depth = depth_files.meters(depth, *sample.depth_range)
    xyz = clouds.from_depth(depth, sample.intrinsics)
    return xyz if sample.pose is None else _in_world(xyz, sample.pose)


def load_mask(sample: Sample) -> NDArray[np.bool_] | None:
    """What of it is defective: (H, W), or (P,) of a cloud; None where nothing tells."""
    if sample.mask is not None:
        of_points = sample.mask.suffix.lower() == _POINT_LABELS
        return _point_labels(sample, sample.mask) if of_points else marked(sample.mask)
    if sample.label is not False:
        return None
    if sample.rgb is not None:
        return np.zeros(size_of(sample.rgb), bool)
    found = load_cloud(sample)
    return None if found is None else np.zeros(found.shape[:-1], bool)


def marked(path: Path) -> NDArray[np.bool_]:
    """(H, W): what is not black in a mask."""
    try:
        with items.open_image(path) as image:
            return np.asarray(masks.levels(image) != 0)
    except Exception as error:
        refuse(path, "must be a readable mask", f"{type(error).__name__}: {error}")


def _point_labels(sample: Sample, path: Path) -> NDArray[np.bool_]:
    """Lines of x, y, z and a label that is 0 where the point is good."""
    points = load_cloud(sample)
    count = 0 if points is None else len(points)
    lines = path.read_text(errors="replace").splitlines()
    if count == 0 or len(lines) != count:
        refuse(path, f"must hold a line for each of the {count} points of {sample.xyz}", len(lines))
    try:
        return np.asarray(np.loadtxt(lines, usecols=3, ndmin=1) != 0)
    except ValueError as error:
        refuse(path, "must hold lines of x, y, z and a label", error)


def _in_world(xyz: NDArray[Any], pose: Path) -> NDArray[Any]:
    """Points in the world; what is not there stays at 0."""
    try:
        where = depth_files.camera(pose.read_text(errors="replace"))
    except (ValueError, OSError, np.linalg.LinAlgError) as error:
        refuse(pose, "must hold a 4 x 4 matrix", error)
    return np.where(xyz[..., 2:] == 0, 0, depth_files.in_world(xyz, where)).astype(np.float32)


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
