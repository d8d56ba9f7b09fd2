"""Load xyz maps (H, W, 3), point clouds (P, 3) and depth."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from musc2.inputs import formats, items
from musc2.inputs.sample import Label, Source

_DEPTH_IMAGES = (".png", ".pgm")
_SHAPES = "must have shape (H, W, 3) or (P, 3)"


PCD = Label(op="score", text="pcd")
Camera = tuple[float, float, float, float]
"""fx, fy, cx, cy in pixels."""


def list_clouds(pcd: object, intrinsics: object = None, argument: Label = PCD) -> list[Source[np.ndarray[Any, Any]]]:
    """Return the xyz maps (H, W, 3) or clouds (P, 3) that ``pcd`` holds, not read yet.

    pcd: (N, H, W, 3) or (N, 3, H, W), one cloud (P, 3), a list of maps (H, W, 3), clouds (P, 3) and paths of any size,
    or a folder, whose files come in the order of their stems. Files: tiff, npy, npz with one array, pcd (an organised
    one is a map), ply. Kinds of array and the axis of the coordinates are as for ``list_images``; values are of any whole
    or floating type.

    With ``intrinsics``, (fx, fy, cx, cy) in pixels or the 3 x 3 matrix, pcd is depth along the optical axis:
    (N, H, W), one map (H, W), a list of maps, or files, which may also be 16-bit png. The unit does not matter.
    Depth that is not finite or not above 0 is background.

    >>> len(list_clouds(np.ones((4, 30, 40)), intrinsics=(50, 50, 20, 15)))
    4
    """
    camera = None if intrinsics is None else _camera(intrinsics, argument.op)
    endings = (*formats.TIFF, *formats.NUMPY, *(_DEPTH_IMAGES if camera else formats.CLOUDS))
    split = functools.partial(_split if camera is None else _split_depth, argument)
    sources = []
    for index, item in enumerate(items.split_items(argument, pcd, split, endings)):
        path = item if isinstance(item, Path) else None
        source = Source(argument=argument, index=index, path=path, load=functools.partial(_load, item, camera))
        if path is not None and path.suffix.lower() not in endings:
            source.label.refuse(f"must end in {', '.join(endings)}", path.suffix or "no ending")
        sources.append(source)
    return sources


def as_cloud(xyz: object, label: Label) -> np.ndarray[Any, Any]:
    """Return one xyz map or cloud of any kind as (H, W, 3) or (P, 3); ``label`` names it in errors."""
    array = items.to_numpy(xyz)
    if array.ndim == 3 and array.shape[2] != 3 and array.shape[0] == 3:
        array = np.moveaxis(array, 0, 2)
    if array.ndim not in (2, 3) or array.shape[-1] != 3:
        depth = "; depth needs intrinsics=" if array.ndim == 2 else ""
        label.refuse(_SHAPES, f"{tuple(array.shape)}{depth}")
    _check_values(array, label)
    if array.ndim == 3 and min(array.shape[:2]) < 2:
        label.refuse("must be a map of at least 2 x 2 pixels", f"{array.shape[0]} x {array.shape[1]}")
    return array


def as_depth(depth: np.ndarray[Any, Any], label: Label) -> np.ndarray[Any, Any]:
    """Return depth of shape (H, W), (H, W, 1) or (1, H, W) as (H, W)."""
    if depth.ndim == 3 and 1 in (depth.shape[0], depth.shape[2]):
        depth = depth[:, :, 0] if depth.shape[2] == 1 else depth[0]
    if depth.ndim != 2:
        label.refuse("must be depth of shape (H, W) when intrinsics are given", tuple(depth.shape))
    _check_values(depth, label)
    return depth


def read_depth(path: Path, op: str) -> np.ndarray[Any, Any]:
    """Read depth (H, W) in the unit of the file, a png, pgm, tiff, npy or npz."""
    argument = Label(op=op, text="depth")

    def load(label: Label) -> np.ndarray[Any, Any]:
        return as_depth(_read(path, label), label)

    return Source(argument=argument, index=0, path=path, load=load).read()


def from_depth(depth: np.ndarray[Any, Any], camera: Camera) -> np.ndarray[Any, Any]:
    """depth: (H, W) -> (H, W, 3) float32; z is 0 where depth is not finite or not above 0."""
    fx, fy, cx, cy = camera
    with np.errstate(over="ignore", invalid="ignore"):
        z = depth.astype(np.float32)
        z = np.where(np.isfinite(z) & (z > 0), z, np.float32(0))
    rows, columns = (np.arange(side, dtype=np.float64) for side in depth.shape)
    x = ((columns - cx) / fx).astype(np.float32) * z
    y = ((rows - cy) / fy).astype(np.float32)[:, None] * z
    return np.stack([x, y, z], axis=2)


def _load(item: items.Item, camera: Camera | None, label: Label) -> np.ndarray[Any, Any]:
    values = _read(item, label)
    if camera is not None:
        values = from_depth(as_depth(values, label), camera)
    return as_cloud(values, label)


def _read(item: items.Item, label: Label) -> np.ndarray[Any, Any]:
    if isinstance(item, Image.Image):
        return np.asarray(items.load_pixels(item))
    if not isinstance(item, Path):
        return items.to_numpy(item)
    if item.suffix.lower() not in _DEPTH_IMAGES:
        return formats.read(item, label)
    with items.open_image(item) as image:
        return np.asarray(image)


def _split(argument: Label, array: np.ndarray[Any, Any] | torch.Tensor) -> list[items.Item]:
    if array.ndim == 2 and array.shape[1] == 3:
        return [array]
    if array.ndim == 4 and 3 in (array.shape[1], array.shape[3]):
        return items.unstack(array)
    shape = f"{tuple(array.shape)}"
    if array.ndim == 3:
        both = "pass list(pcd) for clouds (P, 3), pcd[None] for one map (H, W, 3)"
        shape += f"; {both if array.shape[2] == 3 else 'depth needs intrinsics='}"
    argument.refuse("must be a list or have shape (N, H, W, 3) or (P, 3)", shape)


def _split_depth(argument: Label, array: np.ndarray[Any, Any] | torch.Tensor) -> list[items.Item]:
    if array.ndim == 2:
        return [array]
    if array.ndim == 3 or (array.ndim == 4 and 1 in (array.shape[1], array.shape[3])):
        return items.unstack(array)
    argument.refuse("must be depth of shape (N, H, W) when intrinsics are given", tuple(array.shape))


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
        if values[[0, 1, 2, 2], [1, 0, 0, 1]].any() or values[2, 2] != 1:
            label.refuse(requirement, values.tolist())
        values = values[[0, 1, 0, 1], [0, 1, 2, 2]]
    if values.shape != (4,) or not np.isfinite(values).all() or not values[:2].all():
        label.refuse(requirement, values.tolist())
    fx, fy, cx, cy = values.tolist()
    return fx, fy, cx, cy
