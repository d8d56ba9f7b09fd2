"""What a data set says of one part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GOOD = "good"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One part: its files and what is known of it. ``musc2.datasets`` reads them: picture, surface, truth.

    name: unique in its data set. label: True for a defect, None where nothing tells; defect: its type, "good", or ""
    where nothing tells. xyz: a map or cloud. mask: what is defective, None where nothing is.

    With ``depth`` in place of xyz: intrinsics (fx, fy, cx, cy) in pixels; depth_range: what its lowest and highest
    value stand for; pose: a file with the 4 x 4 matrix from the world to the camera, None for the camera's own axes.
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
