"""ALGORITHM.md §0: one image or xyz map -> what encoders and point ops take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from musc2.background import without_plane
from musc2.inputs import masks, pictures, resizing, surfaces
from musc2.inputs.preparation import Preparation
from musc2.inputs.sources import refuse


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """The foreground of one xyz map or cloud, centered and scaled to a largest norm of 1.

    points: (P, 3) float32 = (xyz - center) / scale; pixels: (P,) row * w + column in the resized map of ``size``
    (h, w), rising, for a map; rows: (P,) the row of each point in the cloud as it was given, for a cloud. There are
    ``given`` pixels or points, the background among them.
    """

    points: torch.Tensor
    pixels: torch.Tensor | None
    size: tuple[int, int] | None
    rows: torch.Tensor | None
    given: int
    center: tuple[float, float, float]
    scale: float


def prepare_image(
    image: object, size: int, *, resample: str = "bicubic", resize: str = "square", patch: int = 1, label: str = "image"
) -> torch.Tensor:
    """One image of any kind (see ``images``) -> (3, h, w) float32 in [0, 1]; antialiased, by PIL.

    h = w = size, or with resize="fit" the longest side is ``size``, the aspect ratio stays, and both sides are
    rounded to multiples of ``patch``. Mean and standard deviation are the encoder's business.

    >>> prepare_image(np.zeros((30, 60, 3), np.uint8), 32, resize="fit", patch=8).shape
    torch.Size([3, 16, 32])
    """
    Preparation(size=size, resample=resample, resize=resize, patch=patch)  # checks them
    picture = pictures.picture(image, label)
    target = resizing.target_size(pictures.size_of(picture), size, resize, patch)
    return torch.from_numpy(resizing.resize_image(picture, target, resample))


def prepare_cloud(
    xyz: object,
    size: int,
    *,
    foreground: str = "depth",
    background: str = "keep",
    plane_distance: float = 0.005,
    seed: int = 0,
    mask: object = None,
    resize: str = "square",
    patch: int = 1,
    label: str = "xyz",
) -> Points:
    """One xyz map (H, W, 3) or cloud (P, 3) of any kind -> its foreground, centered and scaled.

    A map is first brought to the target size of ``prepare_image`` by taking the nearest pixels, so P is at most h * w.
    Background of a map is what is not finite, and by ``foreground``:

    - "depth": z = 0. (With a depth camera, x = 0 along the optical axis is a real surface.)
    - "published": x = 0 or y = 0 or z = 0, looked for again on the result in float32, as the published code does.

    Background of a cloud is what is not finite and what lies at (0, 0, 0): a cloud has no camera, and its z may be 0.
    With background="plane" a map first loses what is nearer than ``plane_distance`` to the plane of its border, which
    is sought with ``seed``. ``mask`` (H, W), of any size, or (P,) for a cloud, leaves out more.
    """
    Preparation(  # checks them
        size=size,
        foreground=foreground,
        background=background,
        plane_distance=plane_distance,
        resize=resize,
        patch=patch,
    )
    surface = surfaces.surface(xyz, label)
    chosen = None if mask is None else masks.mask(mask, f"mask of {label}")
    if background == "plane":
        surface = _without_plane(surface, plane_distance, seed, label)
    if surface.ndim == 3:
        target = resizing.target_size((surface.shape[0], surface.shape[1]), size, resize, patch)
        surface = resizing.resize_map(surface, target)
        if chosen is not None and chosen.ndim == 1:
            refuse(f"mask of {label}", "must have shape (H, W) for a map", tuple(chosen.shape))
        chosen = None if chosen is None else resizing.resize_map(chosen, target)
    elif chosen is not None and chosen.shape != (len(surface),):
        refuse(f"mask of {label}", f"must have shape ({len(surface)},) as the cloud", tuple(chosen.shape))
    published = foreground == "published"
    with np.errstate(over="ignore"):  # too large for float32 is infinite, thus background
        surface = np.ascontiguousarray(surface, dtype=np.float32 if published else np.float64)
    inside = _foreground(surface, published)
    if chosen is not None:
        inside &= chosen
    kept = np.flatnonzero(inside)
    if len(kept) == 0:
        refuse(label, "must have foreground", f"background only ({inside.size} of {inside.size} points)")
    points, center, scale = _normalized(surface.reshape(-1, 3)[kept], label)
    if published and surface.ndim == 3 and not (again := (points != 0).all(axis=1)).all() and again.any():
        points, kept = points[again], kept[again]
    where = torch.from_numpy(kept.astype(np.int64))
    is_map = surface.ndim == 3
    return Points(
        points=torch.from_numpy(points.astype(np.float32)),
        pixels=where if is_map else None,
        size=(surface.shape[0], surface.shape[1]) if is_map else None,
        rows=None if is_map else where,
        given=inside.size,
        center=center,
        scale=scale,
    )


def _without_plane(surface: np.ndarray[Any, Any], distance: float, seed: int, label: str) -> np.ndarray[Any, Any]:
    if surface.ndim == 2:
        refuse(label, 'must have shape (H, W, 3) for background="plane"', tuple(surface.shape))
    # As in the published preparation, the plane is fitted to what is a little nearer than what goes with it.
    return without_plane(surface, fit=0.8 * distance, remove=distance, seed=seed, label=f"score: {label}")


def _foreground(surface: np.ndarray[Any, Any], published: bool) -> np.ndarray[Any, Any]:
    if surface.ndim == 2:
        there = surface.any(axis=1)
    else:
        there = (surface != 0).all(axis=2) if published else surface[:, :, 2] != 0
    return np.asarray(np.isfinite(surface).all(axis=-1) & there)


def _normalized(
    points: np.ndarray[Any, Any], label: str
) -> tuple[np.ndarray[Any, Any], tuple[float, float, float], float]:
    """Centered on their mean, divided by their largest norm; sums in float64, so that no order of them matters."""
    if (largest := np.abs(points).max()) > 1e18:
        refuse(label, "must have coordinates of at most 1e18", f"{largest:g}")
    center = points.mean(axis=0, dtype=np.float64)
    points = points - center.astype(points.dtype)
    scale = np.sqrt(np.square(points, dtype=np.float64).sum(axis=1).max())
    if scale > 0:  # all points may be equal
        points /= scale.astype(points.dtype)
    x, y, z = center.tolist()
    return points, (x, y, z), float(scale)
