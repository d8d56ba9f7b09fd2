"""Points with their scores and colors as .ply files, for other programs."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from musc2.report import colors


def write(file: BinaryIO, points: NDArray[Any], scores: NDArray[Any], threshold: float) -> None:
    """points: (P, 3), scores: (P,): write them as binary .ply, in the colors of the report."""
    names = ("x", "y", "z", "score")
    layout = np.dtype([(name, "<f4") for name in names] + [(name, "u1") for name in "rgb"])
    records = np.zeros(len(points), layout)
    for axis, name in enumerate("xyz"):
        records[name] = points[:, axis]
    records["score"] = scores
    shades = colors.table()[colors.levels(scores, max(threshold, 1e-12))]
    for channel, name in enumerate("rgb"):
        records[name] = shades[:, channel]
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    lines += [f"property float {name}" for name in names]
    lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
    file.write("\n".join([*lines, "end_header", ""]).encode())
    file.write(records.tobytes())
