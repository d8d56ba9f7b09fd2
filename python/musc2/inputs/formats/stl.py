"""Read triangles from stl files, binary and ascii, as points spread over their surface."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from musc2.inputs.formats import mesh_points, point_records
from musc2.inputs.sample import Label

_HEAD_BYTES = 84
_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return (P, 3) points on the triangles."""
    data = path.read_bytes()
    declared = 0
    if len(data) >= _HEAD_BYTES:
        (declared,) = struct.unpack_from("<I", data, _HEAD_BYTES - 4)
    is_whole_binary = len(data) == _HEAD_BYTES + declared * _RECORD.itemsize
    # Binary files may begin with "solid" too.
    if data.lstrip()[:5].lower() == b"solid" and not (is_whole_binary and declared):
        corners = _corners_of_text(data, label)
    else:
        corners = _corners_of_records(data, declared, label)
    triangles = np.arange(len(corners), dtype=np.int64).reshape(-1, 3)
    return mesh_points.sample(corners, triangles, label)


def _corners_of_records(data: bytes, declared: int, label: Label) -> np.ndarray[Any, Any]:
    if len(data) < _HEAD_BYTES:
        label.refuse(f"must begin with {_HEAD_BYTES} bytes or the word solid", f"{len(data)} bytes")
    point_records.check_size(declared * _RECORD.itemsize, len(data) - _HEAD_BYTES, label)
    records = np.frombuffer(data, _RECORD, declared, _HEAD_BYTES)
    corners: np.ndarray[Any, Any] = records["corners"].reshape(-1, 3)
    return corners


def _corners_of_text(data: bytes, label: Label) -> np.ndarray[Any, Any]:
    rows: list[bytes] = []
    for line in data.splitlines():
        keyword, _, values = line.strip().partition(b" ")
        if keyword.lower() == b"vertex":
            rows.append(values)
    if len(rows) % 3:
        label.refuse("must have three vertices a triangle", f"{len(rows)} vertices")
    return mesh_points.numbers(rows, label)
