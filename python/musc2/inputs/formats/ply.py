"""Polygon files (.ply), of which the vertices count: ascii, binary_little_endian and binary_big_endian."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musc2.inputs.formats import point_records
from musc2.inputs.formats.point_records import Field
from musc2.inputs.sample import Label

_TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """(P, 3)"""
    with path.open("rb") as file:
        lines = point_records.header(file, "end_header", label)
        order = _order(lines, label)
        for name, rows, fields in _elements(lines[2:-1], order, label):
            if name == "vertex":
                if rows == 0:
                    label.refuse("must have at least one vertex", 0)
                return (point_records.read_text if order == "=" else point_records.read_rows)(file, fields, rows, label)
            _skip(file, rows, fields, label, text=order == "=")
    label.refuse("must have vertices", "none")


def _order(lines: list[list[str]], label: Label) -> str:
    kind = lines[1][1] if lines[0] == ["ply"] and len(lines[1]) == 3 and lines[1][0] == "format" else ""
    if kind not in _ORDERS:
        label.refuse(f"must begin with ply and a format of {', '.join(_ORDERS)}", repr(" ".join(lines[0])[:40]))
    return _ORDERS[kind]


def _elements(lines: list[list[str]], order: str, label: Label) -> list[tuple[str, int, list[Field]]]:
    """Name, number and fields of each kind of element, up to the vertices."""
    found: list[tuple[str, int, list[Field]]] = []
    for words in lines:
        if words[0] == "element" and len(words) == 3:
            if found and found[-1][0] == "vertex":
                break
            found.append((words[1], point_records.parse_count(words[2], label), []))
        elif words[0] == "property" and len(words) == 3 and found and words[1] in _TYPES:
            found[-1][2].append(Field(name=words[2], type=np.dtype(order + _TYPES[words[1]])))
        elif words[0] not in ("comment", "obj_info"):
            lists = "; lists can come after the vertices only" if words[:2] == ["property", "list"] else ""
            label.refuse("must have elements and properties of known types", repr(" ".join(words)[:60]) + lists)
    return found


def _skip(file: BinaryIO, rows: int, fields: list[Field], label: Label, *, text: bool) -> None:
    size = sum(2 if text else field.bytes for field in fields)
    point_records.check_size(rows * size, point_records.bytes_left(file), label)
    if not text:
        file.seek(rows * size, 1)
        return
    for _ in range(rows if fields else 0):
        file.readline()
