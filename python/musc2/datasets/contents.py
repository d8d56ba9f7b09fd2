"""Read and check the files of a sample."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from musc2 import checks, inputs
from musc2.datasets import depth_files
from musc2.datasets.sample import LabeledSample
from musc2.errors import InputError
from musc2.inputs import clouds, items, masks
from musc2.inputs.sample import Label

_POINT_LABELS = ".txt"


def check_files(samples: Iterable[LabeledSample]) -> None:
    """Raise unless files are not empty, images have readable headers, and masks have their size."""
    for sample in samples:
        for path in (sample.xyz, sample.depth, sample.mask):
            if path is None:
                continue
            if not path.is_file():
                checks.refuse("load", f"{path}", "must be a file that exists", "none")
            if path.stat().st_size == 0:
                checks.refuse("load", f"{path}", "must not be empty", "0 bytes")
        size = None if sample.rgb is None else image_size(sample.rgb)
        if size is None or sample.mask is None:
            continue
        mask_size = image_size(sample.mask)
        if mask_size != size:
            requirement = f"must have the size of {sample.rgb}, {size[0]} x {size[1]}"
            checks.refuse("load", f"{sample.mask}", requirement, f"{mask_size[0]} x {mask_size[1]}")


def image_size(path: Path, op: str = "load") -> tuple[int, int]:
    """Return the (H, W) of an image file, upright."""
    try:
        Label(op=op, text=str(path)).check_file(path)
        with Image.open(path) as image:
            is_on_its_side = image.getexif().get(ExifTags.Base.Orientation, 1) > 4
            size = image.height, image.width
            return size[::-1] if is_on_its_side else size
    except InputError:
        raise
    except Exception as error:  # PIL raises many kinds for damaged files
        requirement = "must be a readable image"
        checks.refuse(op, f"{path}", requirement, f"{type(error).__name__}: {error}")


def read_mask(path: Path, op: str = "load") -> NDArray[np.bool_]:
    """Return (H, W), True where a mask image is not black."""
    label = Label(op=op, text=str(path))
    try:
        label.check_file(path)
        with items.open_image(path, label) as image:
            return np.asarray(masks.levels(image) != 0)
    except InputError:
        raise
    except Exception as error:
        requirement = "must be a readable mask"
        checks.refuse(op, f"{path}", requirement, f"{type(error).__name__}: {error}")


def load_image(sample: LabeledSample) -> inputs.Picture | None:
    """Return the image of a sample as ``score`` reads it; None if it has none."""
    return None if sample.rgb is None else inputs.read_image(sample.rgb, "load_image")


def load_cloud(sample: LabeledSample) -> NDArray[Any] | None:
    """Return the xyz map (H, W, 3) or cloud (P, 3) of a sample, computed from depth if it has that.

    None if it has neither.
    """
    return _read_cloud(sample, "load_cloud")


def load_mask(sample: LabeledSample) -> NDArray[np.bool_] | None:
    """Return the defect of a sample: (H, W), or (P,) for a cloud; None if it is unknown."""
    op = "load_mask"
    if sample.mask is not None:
        if sample.mask.suffix.lower() == _POINT_LABELS:
            return _read_point_labels(sample, sample.mask, op)
        return read_mask(sample.mask, op)
    if sample.label is not False:
        return None
    if sample.rgb is not None:
        return np.zeros(image_size(sample.rgb, op), bool)
    cloud = _read_cloud(sample, op)
    return None if cloud is None else np.zeros(cloud.shape[:-1], bool)


def _read_cloud(sample: LabeledSample, op: str) -> NDArray[Any] | None:
    if sample.xyz is not None:
        return inputs.read_cloud(sample.xyz, op)
    if sample.depth is None or sample.intrinsics is None:
        return None
    depth = inputs.read_depth(sample.depth, op)
    if sample.depth_range is not None:  # 0 is then the lowest depth and does not mean "missing"
        depth = depth_files.to_meters(depth, *sample.depth_range)
    xyz = clouds.from_depth(depth, sample.intrinsics)
    if sample.pose is None:
        return xyz
    points = depth_files.to_world(xyz, _read_pose(sample.pose, op))
    is_missing = xyz[..., 2:] == 0
    return np.where(is_missing, 0, points).astype(np.float32)


def _read_pose(path: Path, op: str) -> NDArray[np.float64]:
    try:
        return depth_files.parse_pose(path.read_text(errors="replace"))
    except (ValueError, OSError, np.linalg.LinAlgError) as error:
        checks.refuse(op, f"{path}", "must hold a 4 x 4 matrix", error)


def _read_point_labels(sample: LabeledSample, path: Path, op: str) -> NDArray[np.bool_]:
    """Return (P,) from lines of x, y, z and a label that is 0 for a good point."""
    points = _read_cloud(sample, op)
    count = 0 if points is None else len(points)
    lines = path.read_text(errors="replace").splitlines()
    if count == 0 or len(lines) != count:
        requirement = f"must hold a line for each of the {count} points of {sample.xyz}"
        checks.refuse(op, f"{path}", requirement, len(lines))
    try:
        return np.asarray(np.loadtxt(lines, usecols=3, ndmin=1) != 0)
    except ValueError as error:
        checks.refuse(op, f"{path}", "must hold lines of x, y, z and a label", error)
