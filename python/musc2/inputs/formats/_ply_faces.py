"""Read the faces of polygon files (.ply), which follow the vertices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from musc2.inputs.formats import mesh_points, point_records
from musc2.inputs.sample import Label

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4",
    "float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8",
}  # fmt: skip
_LISTS = ("vertex_indices", "vertex_index")
_DENSE = 20_000  # vertices that stand for the surface by themselves


@dataclass(frozen=True, kw_only=True)
class _Property:
    """A number of each face, or a list of numbers whose length has a type of its own."""

    name: str
    type: np.dtype[Any]
    length: np.dtype[Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Faces:
    """The faces that a header declares."""

    rows: int
    properties: list[_Property] = field(default_factory=list)

    def make_a_mesh(self, vertices: int) -> bool:
        """Return whether they are the surface; not stray faces, or those between dense points."""
        has_corners = any(prop.name in _LISTS and prop.length for prop in self.properties)
        return has_corners and 4 * self.rows >= vertices and vertices < _DENSE


def after_vertices(lines: list[list[str]], order: str, label: Label) -> Faces | None:
    """Return the faces that directly follow the vertices in a header; None if none do."""
    previous, faces = "", None
    for words in lines:
        if words[0] == "element":
            if faces is not None:
                break
            if previous == "vertex" and words[1] == "face":
                faces = Faces(rows=point_records.parse_count(words[-1], label))
            previous = words[1]
        if faces is None:
            continue
        if words[0] != "property":
            continue
        is_list = words[1] == "list"
        kinds = words[2:4] if is_list else words[1:2]
        if len(words) != len(kinds) + (3 if is_list else 2) or not set(kinds) <= set(TYPES):
            label.refuse("must have faces of known types", repr(" ".join(words)[:60]))
        number = np.dtype(order + TYPES[kinds[-1]])
        length = np.dtype(order + TYPES[kinds[0]]) if is_list else None
        faces.properties.append(_Property(name=words[-1], type=number, length=length))
    return faces


def read(file: BinaryIO, faces: Faces, label: Label, *, is_text: bool) -> mesh_points.Triangles:
    """Return the faces that follow in ``file`` as triangles (T, 3)."""
    smallest = sum(_least_bytes(prop, is_text) for prop in faces.properties)
    point_records.check_size(faces.rows * smallest, point_records.bytes_left(file), label)
    if is_text:
        return mesh_points.fan(_polygons_of_text(file, faces, label), label)
    data = file.read()
    triangles = _equal_triangles(data, faces)
    if triangles is not None:
        return triangles
    return mesh_points.fan(_polygons_of_bytes(data, faces, label), label)


def _least_bytes(prop: _Property, is_text: bool) -> int:
    if is_text:
        return 2
    return prop.type.itemsize if prop.length is None else prop.length.itemsize


def _equal_triangles(data: bytes, faces: Faces) -> mesh_points.Triangles | None:
    """Return the faces if all are triangles without other lists, which is the usual file."""
    record: list[Any] = []
    corners = ""
    for number, prop in enumerate(faces.properties):
        if prop.length is None:
            record.append((f"other{number}", prop.type))
        elif prop.name in _LISTS and not corners:
            corners = f"corners{number}"
            record += [("count", prop.length), (corners, prop.type, (3,))]
        else:
            return None
    dtype = np.dtype(record)
    if len(data) < faces.rows * dtype.itemsize:
        return None
    records = np.frombuffer(data, dtype, faces.rows)
    return records[corners].astype(np.int64) if (records["count"] == 3).all() else None


def _polygons_of_bytes(data: bytes, faces: Faces, label: Label) -> Iterator[list[int]]:
    position = 0

    def take(dtype: np.dtype[Any], count: int) -> list[Any]:
        nonlocal position
        point_records.check_size(count * dtype.itemsize, len(data) - position, label)
        values: list[Any] = np.frombuffer(data, dtype, count, position).tolist()
        position += count * dtype.itemsize
        return values

    for _ in range(faces.rows):
        polygon: list[int] = []
        for prop in faces.properties:
            count = 1 if prop.length is None else _count(take(prop.length, 1)[0], label)
            values = take(prop.type, count)
            if prop.name in _LISTS and prop.length is not None:
                polygon = list(map(int, values))
        yield polygon


def _polygons_of_text(file: BinaryIO, faces: Faces, label: Label) -> Iterator[list[int]]:
    for _ in range(faces.rows):
        words = file.readline().split()
        polygon: list[int] = []
        for prop in faces.properties:
            count = 1
            if prop.length is not None and words:
                count = _count(mesh_points.index(words.pop(0), label), label)
            if count > len(words):
                label.refuse(f"must hold {faces.rows} whole faces", "fewer")
            if prop.name in _LISTS and prop.length is not None:
                polygon = [mesh_points.index(word, label) for word in words[:count]]
            words = words[count:]
        yield polygon


def _count(value: float, label: Label) -> int:
    if value != int(value) or value < 0:
        label.refuse("must have whole numbers of vertices in its faces", value)
    return int(value)
