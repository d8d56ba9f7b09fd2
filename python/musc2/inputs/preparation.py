"""Turn one image or scan into what encoders take, docs/method/algorithm.md section 0."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from musc2.inputs import clouds, images, masks, resizing
from musc2.inputs._on_gpu.scans import RawScan
from musc2.inputs._scans import Foreground, find_foreground, mean_table, scaled
from musc2.inputs.background import remove_plane
from musc2.inputs.sample import Label
from musc2.inputs.thinning import thin

MOST_RAW_POINTS = 1 << 16
"""Points of a map that waits for the GPU as it is, 768 KiB of float32."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How samples are prepared: values of ``Config`` and of the image encoder, checked there.

    size: the side of images and maps; image_scale: images are this many times as large; patch: both
    sides of maps become multiples of it; max_points: of a scan, None for all; seed: of the search
    for planes. device: where 8-bit images are resized, by PIL on the CPU or to the same values on a
    GPU; scan_device: where xyz maps are centered and scaled, to the same values. further: that of
    the image for further encoders, in their order.
    """

    size: int = 224
    image_scale: int = 1
    resample: str = "bicubic"
    resize: str = "square"
    patch: int = 1
    foreground: str = "nonzero_depth"
    background: str = "keep"
    plane_distance: float = 0.005
    enlarge_maps: bool = False
    max_points: int | None = None
    seed: int = 0
    device: str = "cpu"
    scan_device: str = "cpu"
    further: tuple[Preparation, ...] = ()

    def target_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size (h, w) of the map of an image or scan of ``size`` (H, W)."""
        return resizing.target_size(size, self.size, self.resize, self.patch)

    def image_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size that an image of ``size`` (H, W) is resized to."""
        height, width = self.target_size(size)
        return self.image_scale * height, self.image_scale * width

    def map_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size (h, w) that an xyz map is resized to, its own if that is smaller.

        Enlarging would copy points, and copies of a defect's points vouch for each other.
        """
        height, width = self.target_size(size)
        if self.enlarge_maps:
            return height, width
        return min(height, size[0]), min(width, size[1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """The foreground of one xyz map or cloud, centered and scaled to a largest norm of 1.

    points: (P, 3) float32 = (xyz - center) / scale; pixels: (P,) row * w + column in the resized
    map of ``size`` (h, w), rising, for a map; rows: (P,) the row of each point in the user's cloud,
    for a cloud. input_count: how many pixels or points there were, background included. kept: the
    rows of ``points`` that stand for all in groups, rising; None for all. steps: how many steps of
    float32 the part is wide, about; with few of them its shape is lost.
    """

    points: torch.Tensor
    pixels: torch.Tensor | None
    size: tuple[int, int] | None
    rows: torch.Tensor | None
    input_count: int
    center: tuple[float, float, float]
    scale: float
    kept: torch.Tensor | None = None
    steps: float = math.inf

    @property
    def count(self) -> int:
        """Return the number of points."""
        return len(self.points)

    def thinned(self) -> Points:
        """Return the points that are kept, alone."""
        if self.kept is None:
            return self
        return replace(
            self,
            points=self.points[self.kept],
            pixels=None if self.pixels is None else self.pixels[self.kept],
            rows=None if self.rows is None else self.rows[self.kept],
            kept=None,
        )


def prepare_image(
    image: object, preparation: Preparation, label: Label = images.RGB
) -> torch.Tensor:
    """Return one image of any kind as (3, h, w) float32 in [0, 1].

    It is resized by PIL with antialiasing to h = w = size; with resize="fit" the longest side is
    ``size``, the aspect ratio stays, and both sides are rounded to multiples of ``patch``; all of
    it times ``image_scale``. Mean and deviation are the encoder's business.

    >>> prepare_image(np.zeros((30, 60, 3), np.uint8), Preparation(size=32, resize="fit")).shape
    torch.Size([3, 16, 32])
    """
    picture = images.as_image(image, label)
    target = preparation.image_size(images.size_of(picture))
    return torch.from_numpy(resizing.resize_image(picture, target, preparation.resample))


def prepare_cloud(
    xyz: object, preparation: Preparation, *, mask: object = None, label: Label = clouds.PCD
) -> Points:
    """Return the foreground of one xyz map (H, W, 3) or cloud (P, 3), centered and scaled.

    A map is first resized like an image by taking the nearest pixels, so P is at most h * w; it is
    enlarged only with ``enlarge_maps``.
    A point of a map is background if it is not finite, and by ``foreground``:

    - "nonzero_depth": z = 0. (With a depth camera, x = 0 along the optical axis is a real surface.)
    - "nonzero_xyz": x = 0 or y = 0 or z = 0, checked again on the float32 result, as published.

    A point of a cloud is background if it is not finite or lies at (0, 0, 0): a cloud has no
    camera, and its z may be 0. With background="plane" a map first loses the points near the plane
    of its border. ``mask`` (H, W), of any size, or (P,) for a cloud, removes more.

    Of more than ``max_points`` points of foreground, as many are ``kept``, evenly spread.
    """
    return _points(_foreground(xyz, preparation, mask, label), preparation)


def prepare_scan(
    xyz: object, preparation: Preparation, *, mask: object = None, label: Label = clouds.PCD
) -> Points | RawScan:
    """Return what ``prepare_cloud`` does, or the foreground of a map for a GPU to center and scale.

    The CPU keeps clouds, maps with more foreground than ``max_points``, which it thins, or than
    many may have that wait together, and "nonzero_xyz", which decides anew on the result.
    """
    foreground = _foreground(xyz, preparation, mask, label)
    most = preparation.max_points or MOST_RAW_POINTS
    fits = foreground.columns.shape[1] <= min(most, MOST_RAW_POINTS)
    is_raw = preparation.scan_device != "cpu" and preparation.foreground != "nonzero_xyz"
    if foreground.size is None or not fits or not is_raw:
        return _points(foreground, preparation)
    return RawScan(
        columns=torch.from_numpy(foreground.columns),
        table=torch.from_numpy(mean_table(foreground)),
        pixels=torch.from_numpy(foreground.index),
        size=foreground.size,
        input_count=foreground.input_count,
        steps=foreground.steps,
        device=preparation.scan_device,
    )


def _foreground(xyz: object, preparation: Preparation, mask: object, label: Label) -> Foreground:
    """Return the foreground of a scan, of a map at its working size."""
    surface = clouds.as_cloud(xyz, label)
    chosen = None if mask is None else masks.as_mask(mask, label.about("mask"))
    if preparation.background == "plane":
        surface = _without_plane(surface, preparation, label)
    if chosen is not None:
        _check_mask(chosen, surface, label.about("mask"))
    if surface.ndim == 3:
        target = preparation.map_size((surface.shape[0], surface.shape[1]))
        surface = resizing.resize_map(surface, target)
        chosen = None if chosen is None else resizing.resize_map(chosen, target)
    all_coordinates = preparation.foreground == "nonzero_xyz"
    return find_foreground(surface, chosen, all_coordinates=all_coordinates, label=label)


def _points(foreground: Foreground, preparation: Preparation) -> Points:
    """Return foreground centered and scaled, and which of it stands for all in groups."""
    all_coordinates = preparation.foreground == "nonzero_xyz"
    columns, center, scale = scaled(foreground, np.float32 if all_coordinates else np.float64)
    points, index = np.ascontiguousarray(columns.T, dtype=np.float32), foreground.index
    if foreground.size is not None and all_coordinates:
        nonzero = (points != 0).all(axis=1)
        if nonzero.any():
            points, index = points[nonzero], index[nonzero]
    kept = None
    if preparation.max_points is not None and len(points) > preparation.max_points:
        kept = torch.from_numpy(thin(points, preparation.max_points))
    rows = torch.from_numpy(index)
    return Points(
        points=torch.from_numpy(points),
        pixels=None if foreground.size is None else rows,
        size=foreground.size,
        rows=rows if foreground.size is None else None,
        input_count=foreground.input_count,
        center=center,
        scale=scale,
        kept=kept,
        steps=foreground.steps,
    )


def _check_mask(mask: np.ndarray[Any, Any], surface: np.ndarray[Any, Any], label: Label) -> None:
    if surface.ndim == 3 and mask.ndim == 1:
        label.refuse("must have shape (H, W) for a map", tuple(mask.shape))
    if surface.ndim == 2 and mask.shape != (len(surface),):
        label.refuse(f"must have shape ({len(surface)},) as the cloud", tuple(mask.shape))


def _without_plane(
    surface: np.ndarray[Any, Any],
    preparation: Preparation,
    label: Label,
) -> np.ndarray[Any, Any]:
    if surface.ndim == 2:
        requirement = 'must have shape (H, W, 3) for scan_background="plane"'
        label.refuse(requirement, tuple(surface.shape))
    distance = preparation.plane_distance
    # As published, the plane is fitted to points a little nearer than those that are removed.
    fit = 0.8 * distance
    return remove_plane(surface, fit=fit, remove=distance, seed=preparation.seed, label=label)
