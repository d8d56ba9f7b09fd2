"""3D: from whatever holds it to xyz maps (H, W, 3) and clouds (P, 3)."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from musc2.inputs import containers, tables
from musc2.inputs.sources import Source, refuse

_DEPTH_IMAGES = (".png", ".pgm")
_SHAPES = "must have shape (H, W, 3) or (P, 3)"


def clouds(pcd: object, intrinsics: object = None) -> list[Source[np.ndarray[Any, Any]]]:
    """The xyz maps (H, W, 3) or clouds (P, 3) that ``pcd`` holds, not read yet.

    pcd: (N, H, W, 3) or (N, 3, H, W), one cloud (P, 3), a list of maps (H, W, 3), clouds (P, 3) and paths of any size,
    or a folder, whose files come in the order of their stems. Files: tiff, npy, npz with one array, pcd (an organised
    one is a map), ply. Kinds of array and the axis of the coordinates are as for ``images``; values are of any whole
    or floating type.

    With ``intrinsics``, (fx, fy, cx, cy) in pixels or the 3 x 3 matrix, pcd is depth along the optical axis:
    (N, H, W), one map (H, W), a list of maps, or files, which may also be 16-bit png. The unit does not matter.
    Depth that is not finite or not above 0 is background.

    >>> len(clouds(np.ones((4, 30, 40)), intrinsics=(50, 50, 20, 15)))
    4
    """
    camera = None if intrinsics is None else _camera(intrinsics)
    endings = (*tables.TIFF, *tables.NUMPY, *(_DEPTH_IMAGES if camera else tables.CLOUDS))
    found = containers.items("pcd", pcd, _split if camera is None else _split_depth, endings)
    sources = []
    for index, item in enumerate(found):
        path = item if isinstance(item, Path) else None
        source = Source(argument="pcd", index=index, path=path, load=functools.partial(_load, item, camera))
        if path is not None and path.suffix.lower() not in endings:
            refuse(source.label, f"must end in {', '.join(endings)}", path.suffix or "no ending")
        sources.append(source)
    return sources


def surface(xyz: object, label: str) -> np.ndarray[Any, Any]:
    """One xyz map or cloud of any kind as (H, W, 3) or (P, 3); ``label`` names it in errors."""
    array = containers.to_numpy(xyz)
    if array.ndim == 3 and array.shape[2] != 3 and array.shape[0] == 3:
        array = np.moveaxis(array, 0, 2)
    if array.ndim not in (2, 3) or array.shape[-1] != 3:
        depth = "; depth needs intrinsics=" if array.ndim == 2 else ""
        refuse(label, _SHAPES, f"{tuple(array.shape)}{depth}")
    _check_values(array, label)
    if array.ndim == 3 and min(array.shape[:2]) < 2:
        refuse(label, "must be a map of at least 2 x 2 pixels", f"{array.shape[0]} x {array.shape[1]}")
    return array


def from_depth(
    depth: np.ndarray[Any, Any], camera: tuple[float, float, float, float], label: str
) -> np.ndarray[Any, Any]:
    """(H, W) depth -> (H, W, 3) float32; z is 0 where there is none, so that both foreground rules leave it out."""
    if depth.ndim == 3 and 1 in (depth.shape[0], depth.shape[2]):
        depth = depth[:, :, 0] if depth.shape[2] == 1 else depth[0]
    if depth.ndim != 2:
        refuse(label, "must be depth of shape (H, W) when intrinsics are given", tuple(depth.shape))
    _check_values(depth, label)
    fx, fy, cx, cy = camera
    with np.errstate(over="ignore", invalid="ignore"):
        z = depth.astype(np.float32)
        z = np.where(np.isfinite(z) & (z > 0), z, np.float32(0))
    rows, columns = (np.arange(side, dtype=np.float64) for side in depth.shape)
    x = ((columns - cx) / fx).astype(np.float32) * z
    y = ((rows - cy) / fy).astype(np.float32)[:, None] * z
    return np.stack([x, y, z], axis=2)


def _load(item: containers.Item, camera: tuple[float, float, float, float] | None, label: str) -> np.ndarray[Any, Any]:
    if isinstance(item, Image.Image):
        values = np.asarray(containers.loaded(item))
    elif not isinstance(item, Path):
        values = containers.to_numpy(item)
    elif item.suffix.lower() in _DEPTH_IMAGES:
        with containers.opened(item) as image:
            values = np.asarray(image)
    else:
        values = tables.read(item, label)
    return surface(values if camera is None else from_depth(values, camera, label), label)


def _split(array: np.ndarray[Any, Any] | torch.Tensor) -> list[containers.Item]:
    if array.ndim == 2 and array.shape[1] == 3:
        return [array]
    if array.ndim == 4 and 3 in (array.shape[1], array.shape[3]):
        return containers.one_by_one(array)
    shape = f"{tuple(array.shape)}"
    if array.ndim == 3:
        both = "pass list(pcd) for clouds (P, 3), pcd[None] for one map (H, W, 3)"
        shape += f"; {both if array.shape[2] == 3 else 'depth needs intrinsics='}"
    refuse("pcd", "must be a list or have shape (N, H, W, 3) or (P, 3)", shape)


def _split_depth(array: np.ndarray[Any, Any] | torch.Tensor) -> list[containers.Item]:
    if array.ndim == 2:
        return [array]
    if array.ndim == 3 or (array.ndim == 4 and 1 in (array.shape[1], array.shape[3])):
        return containers.one_by_one(array)
    refuse("pcd", "must be depth of shape (N, H, W) when intrinsics are given", tuple(array.shape))


def _check_values(array: np.ndarray[Any, Any], label: str) -> None:
    if array.dtype.kind not in "fiu":
        refuse(label, "must hold whole or floating numbers", array.dtype)
    if array.size == 0:
        refuse(label, "must not be empty", tuple(array.shape))


def _camera(intrinsics: object) -> tuple[float, float, float, float]:
    wanted = "must be (fx, fy, cx, cy) or a 3 x 3 matrix without skew, finite, fx and fy not 0"
    try:
        values = np.asarray(containers.to_numpy(intrinsics), dtype=np.float64)
    except (TypeError, ValueError):
        refuse("intrinsics", wanted, repr(intrinsics))
    if values.shape == (3, 3):
        if values[[0, 1, 2, 2], [1, 0, 0, 1]].any() or values[2, 2] != 1:
            refuse("intrinsics", wanted, values.tolist())
        values = values[[0, 1, 0, 1], [0, 1, 2, 2]]
    if values.shape != (4,) or not np.isfinite(values).all() or not values[:2].all():
        refuse("intrinsics", wanted, values.tolist())
    fx, fy, cx, cy = values.tolist()
    return fx, fy, cx, cy
