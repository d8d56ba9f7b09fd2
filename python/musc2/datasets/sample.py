"""One part of a data set: its files and its label."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOOD = "good"


@dataclass(frozen=True, kw_only=True)
class LabeledSample:
    """The files and the label of one part; ``load_image``, ``load_cloud``, ``load_mask`` read them.

    - name: unique in its data set.
    - label: True for a defect, None if unknown. defect: its type, "good", or "" if unknown.
    - xyz: an xyz map or cloud. mask: the pixels or points of the defect, None if there is none.

    A part may have depth instead of xyz, with

    - intrinsics: (fx, fy, cx, cy) in pixels.
    - depth_range: the depths of the lowest and highest level, None if the file stores depth itself.
    - pose: a file with the 4 x 4 matrix from the world to the camera, None to stay in the camera's
      axes.
    """

    name: str
    category: str
    label: bool | None
    defect: str
    rgb: Path | None = None
    xyz: Path | None = None
    mask: Path | None = None
    depth: Path | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    depth_range: tuple[float, float] | None = None
    pose: Path | None = None
