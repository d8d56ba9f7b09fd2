"""Read files of the Point Cloud Library (.pcd): ascii, binary and binary_compressed."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musc2.inputs.formats import lzf, point_records
from musc2.inputs.formats.point_records import Field
from musc2.inputs.sample import Label

_TYPES = {
    "F4": "<f4", "F8": "<f8", "I1": "<i1", "I2": "<i2", "I4": "<i4", "I8": "<i8",
    "U1": "<u1", "U2": "<u2", "U4": "<u4", "U8": "<u8",
}  # fmt: skip


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return (P, 3); (H, W, 3) for an organized cloud, whose height and width are above 1."""
    with path.open("rb") as file:
        lines = {words[0]: words[1:] for words in point_records.header(file, "DATA", label)}
        fields = _fields(lines, label)
        width = _number(lines, "WIDTH", label)
        height = _number(lines, "HEIGHT", label)
        rows = _number(lines, "POINTS", label)
        if rows != width * height or rows == 0:
            got = f"{width} x {height} and {rows}"
            label.refuse("must have WIDTH x HEIGHT = POINTS above 0", got)
        encoding = " ".join(lines["DATA"])
        if encoding == "ascii":
            xyz = point_records.read_text(file, fields, rows, label)
        elif encoding == "binary":
            xyz = point_records.read_rows(file, fields, rows, label)
        elif encoding == "binary_compressed":
            data = _decompress(file, fields, rows, label)
            xyz = point_records.columns(data, fields, rows, label)
        else:
            label.refuse("must have DATA ascii, binary or binary_compressed", repr(encoding[:40]))
    return xyz.reshape(height, width, 3) if min(height, width) > 1 else xyz


def _fields(lines: dict[str, list[str]], label: Label) -> list[Field]:
    names = lines.get("FIELDS", lines.get("COLUMNS", []))
    sizes, types = lines.get("SIZE", []), lines.get("TYPE", [])
    counts = lines.get("COUNT", ["1"] * len(names))
    if not names or {len(sizes), len(types), len(counts)} != {len(names)}:
        lengths = [len(names), len(sizes), len(types)]
        label.refuse("must have as many SIZE, TYPE and COUNT as FIELDS", lengths)
    fields = []
    for name, size, kind, count in zip(names, sizes, types, counts, strict=True):
        if kind + size not in _TYPES:
            requirement = f"must have fields of TYPE and SIZE {', '.join(_TYPES)}"
            label.refuse(requirement, repr((kind + size)[:40]))
        columns = point_records.parse_count(count, label)
        fields.append(Field(name=name, type=np.dtype(_TYPES[kind + size]), count=columns))
    return fields


def _number(lines: dict[str, list[str]], word: str, label: Label) -> int:
    defaults = {"HEIGHT": ["1"], "POINTS": lines.get("WIDTH", [])}
    values = lines.get(word, defaults.get(word, []))
    if len(values) != 1:
        label.refuse(f"must have one {word} in its header", len(values))
    return point_records.parse_count(values[0], label)


def _decompress(file: BinaryIO, fields: list[Field], rows: int, label: Label) -> bytes:
    """Return all columns; two numbers before the data are its compressed and its full size."""
    point_records.check_size(8, point_records.bytes_left(file), label)
    compressed_size, size = struct.unpack("<II", file.read(8))
    point_records.check_size(compressed_size, point_records.bytes_left(file), label)
    expected_size = rows * sum(field.bytes for field in fields)
    label.check_bytes(expected_size)
    if size != expected_size or size > compressed_size * lzf.LARGEST_RATIO:
        requirement = f"must compress {expected_size} bytes into {compressed_size}"
        label.refuse(requirement, f"{size} bytes")
    try:
        return lzf.decompress(file.read(compressed_size), size)
    except ValueError as error:
        label.refuse("must hold whole compressed data", error)
