"""Read polygon files (.ply), clouds and meshes: ascii, binary_little_endian, binary_big_endian."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musc2.inputs.formats import _ply_faces, mesh_points, point_records
from musc2.inputs.formats._ply_faces import TYPES
from musc2.inputs.formats.point_records import Field
from musc2.inputs.sample import Label

_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True, kw_only=True)
class _Element:
    """A kind of element in the header: ``rows`` records of the same fields."""

    name: str
    rows: int
    fields: list[Field] = field(default_factory=list)


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return the vertices, (P, 3); points on the faces of a mesh of few vertices."""
    with path.open("rb") as file:
        lines = point_records.header(file, "end_header", label)
        order = _byte_order(lines, label)
        is_text = order == "="
        for element in _elements(lines[2:-1], order, label):
            if element.name != "vertex":
                _skip(file, element, label, is_text=is_text)
            elif element.rows == 0:
                label.refuse("must have at least one vertex", 0)
            else:
                read_points = point_records.read_text if is_text else point_records.read_rows
                vertices = read_points(file, element.fields, element.rows, label)
                faces = _ply_faces.after_vertices(lines, order, label)
                if faces is None or not faces.make_a_mesh(len(vertices)):
                    return vertices
                triangles = _ply_faces.read(file, faces, label, is_text=is_text)
                return mesh_points.sample(vertices, triangles, label)
    label.refuse("must have vertices", "none")


def _byte_order(lines: list[list[str]], label: Label) -> str:
    """Return the numpy code of the byte order; "=" for text."""
    if lines[0] == ["ply"] and len(lines[1]) == 3:
        keyword, encoding, _ = lines[1]
        if keyword == "format" and encoding in _ORDERS:
            return _ORDERS[encoding]
    requirement = f"must begin with ply and a format of {', '.join(_ORDERS)}"
    label.refuse(requirement, repr(" ".join(lines[0])[:40]))


def _elements(lines: list[list[str]], order: str, label: Label) -> list[_Element]:
    """Return the elements up to the vertices."""
    elements: list[_Element] = []
    for words in lines:
        if words[0] == "element" and len(words) == 3:
            if elements and elements[-1].name == "vertex":
                break
            rows = point_records.parse_count(words[2], label)
            elements.append(_Element(name=words[1], rows=rows))
        elif words[0] == "property" and len(words) == 3 and elements and words[1] in TYPES:
            dtype = np.dtype(order + TYPES[words[1]])
            elements[-1].fields.append(Field(name=words[2], type=dtype))
        elif words[0] not in ("comment", "obj_info"):
            got = repr(" ".join(words)[:60])
            if words[:2] == ["property", "list"]:
                got += "; lists can come after the vertices only"
            label.refuse("must have elements and properties of known types", got)
    return elements


def _skip(file: BinaryIO, element: _Element, label: Label, *, is_text: bool) -> None:
    if is_text:
        row_size = 2 * len(element.fields)  # a digit and a space each, at least
    else:
        row_size = sum(column.bytes for column in element.fields)
    size = element.rows * row_size
    point_records.check_size(size, point_records.bytes_left(file), label)
    if not is_text:
        file.seek(size, 1)
    elif element.fields:
        for _ in range(element.rows):
            file.readline()
