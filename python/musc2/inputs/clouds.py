"""Load xyz maps (H, W, 3), point clouds (P, 3) and depth."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from musc2.inputs import formats, items
from musc2.inputs.sample import Label, Source

_DEPTH_IMAGES = (".png", ".pgm")
CLOUD_ENDINGS = (*formats.TIFF, *formats.NUMPY, *formats.CLOUDS)
FOLDER_ENDINGS = tuple(ending for ending in CLOUD_ENDINGS if ending not in formats.AMBIGUOUS)
_DEPTH_ENDINGS = (*formats.TIFF, *formats.NUMPY, *_DEPTH_IMAGES)
PCD = Label(op="score", text="pcd")
Camera = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""


def list_clouds(
    pcd: object, intrinsics: object = None, argument: Label = PCD
) -> list[Source[np.ndarray[Any, Any]]]:
    """Return the xyz maps (H, W, 3) or clouds (P, 3) that ``pcd`` holds, not read yet.

    pcd: one of

    - an array, as for ``list_images``, of whole or floating numbers: maps (N, H, W, 3) or
      (N, 3, H, W), or one cloud (P, 3);
    - a list of maps (H, W, 3), clouds (P, 3) and paths, of any size;
    - a folder, whose files are sorted by stem.

    Files are tiff, npy, npz with one array, ply, pcd (an organized one is a map), lines of numbers
    (xyz, asc, pts, csv, txt), or meshes (stl, obj, off, ply), which become points on their surface.
    In a folder csv and txt files count only if it holds no other scans.

    With ``intrinsics``, (fx, fy, cx, cy) in pixels or the 3 x 3 matrix, pcd is depth along the
    optical axis, in any unit: (N, H, W), one map (H, W), a list of maps, or files, which may also
    be 16-bit png. Depth that is not finite or not above 0 is background.

    >>> len(list_clouds(np.ones((4, 30, 40)), intrinsics=(50, 50, 20, 15)))
    4
    """
    if intrinsics is None:
        endings: tuple[str, ...] = CLOUD_ENDINGS
        folder_endings: tuple[str, ...] = FOLDER_ENDINGS
        split = functools.partial(_split, argument)
        load = _load
    else:
        endings = folder_endings = _DEPTH_ENDINGS
        split = functools.partial(_split_depth, argument)
        load = functools.partial(_load_depth, _camera(intrinsics, argument.op))
    last_endings = () if endings is folder_endings else formats.AMBIGUOUS
    files = items.split_items(argument, pcd, split, folder_endings, last_endings)
    sources = items.sources(argument, files, load)
    for source in sources:
        _check_ending(source, endings)
    return sources


def read_cloud(path: Path, op: str) -> np.ndarray[Any, Any]:
    """Read one xyz map or cloud as ``list_clouds`` does; errors begin with ``op``."""
    source = items.file_source(Label(op=op, text="xyz"), path, _load)
    _check_ending(source, CLOUD_ENDINGS)
    return source.read()


def read_depth(path: Path, op: str) -> np.ndarray[Any, Any]:
    """Read depth (H, W) float32 in the unit of the file, 0 where it is not finite or not above 0.

    Files are png, pgm, tiff, npy or npz; errors begin with ``op``.
    """
    source = items.file_source(Label(op=op, text="depth"), path, _load_valid_depth)
    _check_ending(source, _DEPTH_ENDINGS)
    return source.read()


def as_cloud(xyz: object, label: Label) -> np.ndarray[Any, Any]:
    """Return one xyz map (H, W, 3) or cloud (P, 3) of any kind; ``label`` names it in errors."""
    array = items.to_numpy(xyz)
    if array.ndim == 3 and array.shape[2] != 3 and array.shape[0] == 3:
        array = np.moveaxis(array, 0, 2)
    if array.ndim not in (2, 3) or array.shape[-1] != 3:
        hint = "; depth needs intrinsics=" if array.ndim == 2 else ""
        label.refuse("must have shape (H, W, 3) or (P, 3)", f"{tuple(array.shape)}{hint}")
    _check_values(array, label)
    if array.ndim == 3 and min(array.shape[:2]) < 2:
        size = f"{array.shape[0]} x {array.shape[1]}"
        label.refuse("must be a map of at least 2 x 2 pixels", size)
    return array


def _as_depth(
    depth: np.ndarray[Any, Any],
    label: Label,
    requirement: str = "must be depth of shape (H, W)",
) -> np.ndarray[Any, Any]:
    """Return depth of shape (H, W), (H, W, 1) or (1, H, W) as (H, W)."""
    if depth.ndim == 3 and 1 in (depth.shape[0], depth.shape[2]):
        depth = depth[:, :, 0] if depth.shape[2] == 1 else depth[0]
    if depth.ndim != 2:
        label.refuse(requirement, tuple(depth.shape))
    _check_values(depth, label)
    return depth


def from_depth(depth: np.ndarray[Any, Any], camera: Camera) -> np.ndarray[Any, Any]:
    """Return the xyz map (H, W, 3) float32 of depth (H, W), 0 where it is not finite or above 0."""
    fx, fy, cx, cy = camera
    z = _valid_depth(depth)
    height, width = z.shape
    columns = np.arange(width, dtype=np.float64)
    rows = np.arange(height, dtype=np.float64)
    x = ((columns - cx) / fx).astype(np.float32) * z
    y = ((rows - cy) / fy).astype(np.float32)[:, None] * z
    return np.stack([x, y, z], axis=2)


def _valid_depth(depth: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return depth as float32, 0 where it is not finite or not above 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        z = depth.astype(np.float32)
        return np.where(np.isfinite(z) & (z > 0), z, np.float32(0))


def _load(item: items.Item, label: Label) -> np.ndarray[Any, Any]:
    return as_cloud(_read(item, label), label)


def _load_depth(camera: Camera, item: items.Item, label: Label) -> np.ndarray[Any, Any]:
    requirement = "must be depth of shape (H, W) when intrinsics are given"
    depth = _as_depth(_read(item, label), label, requirement)
    return as_cloud(from_depth(depth, camera), label)


def _load_valid_depth(item: items.Item, label: Label) -> np.ndarray[Any, Any]:
    return _valid_depth(_as_depth(_read(item, label), label))


def _check_ending(source: Source[Any], endings: Sequence[str]) -> None:
    if source.path is None or source.path.suffix.lower() in endings:
        return
    source.label.refuse(f"must end in {', '.join(endings)}", source.path.suffix or "no ending")


def _read(item: items.Item, label: Label) -> np.ndarray[Any, Any]:
    if isinstance(item, Image.Image):
        return np.asarray(items.load_pixels(item))
    if not isinstance(item, Path):
        return items.to_numpy(item)
    if item.suffix.lower() not in _DEPTH_IMAGES:
        return formats.read(item, label)
    with items.open_image(item, label) as image:
        return np.asarray(image)


def _split(argument: Label, array: np.ndarray[Any, Any] | torch.Tensor) -> list[items.Item]:
    if array.ndim == 2 and array.shape[1] == 3:
        return [array]
    if array.ndim == 4 and 3 in (array.shape[1], array.shape[3]):
        return items.unstack(array)
    hint = ""
    if array.ndim == 3 and array.shape[2] == 3:
        hint = "; pass list(pcd) for clouds (P, 3), pcd[None] for one map (H, W, 3)"
    elif array.ndim == 3:
        hint = "; depth needs intrinsics="
    requirement = "must be a list or have shape (N, H, W, 3) or (P, 3)"
    argument.refuse(requirement, f"{tuple(array.shape)}{hint}")


def _split_depth(argument: Label, array: np.ndarray[Any, Any] | torch.Tensor) -> list[items.Item]:
    if array.ndim == 2:
        return [array]
    if array.ndim == 3 or (array.ndim == 4 and 1 in (array.shape[1], array.shape[3])):
        return items.unstack(array)
    requirement = "must be depth of shape (N, H, W) when intrinsics are given"
    argument.refuse(requirement, tuple(array.shape))


def _check_values(array: np.ndarray[Any, Any], label: Label) -> None:
    if array.dtype.kind not in "fiu":
        label.refuse("must hold whole or floating numbers", array.dtype)
    if array.size == 0:
        label.refuse("must not be empty", tuple(array.shape))


def _camera(intrinsics: object, op: str) -> Camera:
    label = Label(op=op, text="intrinsics")
    requirement = "must be (fx, fy, cx, cy) or a 3 x 3 matrix without skew, finite, fx and fy not 0"
    try:
        values = np.asarray(items.to_numpy(intrinsics), dtype=np.float64)
    except (TypeError, ValueError):
        label.refuse(requirement, repr(intrinsics))
    if values.shape == (3, 3):
        zeros = [values[0, 1], values[1, 0], values[2, 0], values[2, 1]]
        if any(zeros) or values[2, 2] != 1:
            label.refuse(requirement, values.tolist())
        values = np.array([values[0, 0], values[1, 1], values[0, 2], values[1, 2]])
    if values.shape != (4,) or not np.isfinite(values).all() or not values[:2].all():
        label.refuse(requirement, values.tolist())
    fx, fy, cx, cy = values.tolist()
    return fx, fy, cx, cy
