"""Read vertices and faces from obj files, as points spread over their surface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs.formats import mesh_points
from musc2.inputs.sample import Label


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return (P, 3) points on the faces; the vertices of a file without faces."""
    rows: list[bytes] = []
    polygons: list[list[int]] = []
    for line in path.read_bytes().splitlines():
        keyword, *words = line.split() or [b""]
        if keyword == b"v":
            rows.append(b" ".join(words))
        elif keyword == b"f":
            polygons.append([_vertex(word, len(rows), label) for word in words])
    vertices = mesh_points.numbers(rows, label)
    return mesh_points.sample(vertices, mesh_points.fan(polygons, label), label)


def _vertex(word: bytes, count: int, label: Label) -> int:
    """Return the row of the vertex in "7/1/3"; a negative number counts from the last one."""
    number = mesh_points.index(word.partition(b"/")[0], label)
    return count + number if number < 0 else number - 1
