"""Read vertices and faces from off files, as points spread over their surface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs.formats import mesh_points, point_records
from musc2.inputs.sample import Label

_MAGIC = (b"OFF", b"COFF", b"NOFF", b"CNOFF", b"STOFF")


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return (P, 3) points on the faces; the vertices of a file without faces."""
    lines: list[bytes] = []
    for line in path.read_bytes().splitlines():
        text = line.partition(b"#")[0].strip()
        if text:
            lines.append(text)
    magic, *counts = lines.pop(0).split() if lines else [b""]
    if magic not in _MAGIC:
        label.refuse("must begin with OFF", repr(magic[:40]))
    counts = counts or (lines.pop(0).split() if lines else [])
    if len(counts) < 2:
        label.refuse("must declare the numbers of its vertices and faces", repr(counts))
    vertex_count, face_count = (
        point_records.parse_count(word.decode("latin1"), label) for word in counts[:2]
    )
    if vertex_count + face_count > len(lines):
        requirement = f"must hold the {vertex_count} vertices and {face_count} faces it declares"
        label.refuse(requirement, f"{len(lines)} lines")
    vertices = mesh_points.numbers(lines[:vertex_count], label)
    polygons: list[list[int]] = []
    for line in lines[vertex_count : vertex_count + face_count]:
        size, *words = line.split()
        count = mesh_points.index(size, label)
        if not 0 <= count <= len(words):
            label.refuse("must have faces with all their vertices", repr(line[:60]))
        polygons.append([mesh_points.index(word, label) for word in words[:count]])
    return mesh_points.sample(vertices, mesh_points.fan(polygons, label), label)
