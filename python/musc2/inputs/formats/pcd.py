"""Files of the Point Cloud Library (.pcd): ascii, binary and binary_compressed."""

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
    """(P, 3); (H, W, 3) for an organised cloud, whose height and width are above 1."""
    with path.open("rb") as file:
        lines = {words[0]: words[1:] for words in point_records.header(file, "DATA", label)}
        fields = _fields(lines, label)
        width, height, rows = (_number(lines, word, label) for word in ("WIDTH", "HEIGHT", "POINTS"))
        if rows != width * height or rows == 0:
            label.refuse("must have WIDTH x HEIGHT = POINTS above 0", f"{width} x {height} and {rows}")
        kind = " ".join(lines["DATA"])
        if kind == "ascii":
            xyz = point_records.read_text(file, fields, rows, label)
        elif kind == "binary":
            xyz = point_records.read_rows(file, fields, rows, label)
        elif kind == "binary_compressed":
            xyz = point_records.columns(_decompressed(file, fields, rows, label), fields, rows, label)
        else:
            label.refuse("must have DATA ascii, binary or binary_compressed", repr(kind[:40]))
    return xyz.reshape(height, width, 3) if min(height, width) > 1 else xyz


def _fields(lines: dict[str, list[str]], label: Label) -> list[Field]:
    names = lines.get("FIELDS", lines.get("COLUMNS", []))
    sizes, types = lines.get("SIZE", []), lines.get("TYPE", [])
    counts = lines.get("COUNT", ["1"] * len(names))
    if not names or {len(sizes), len(types), len(counts)} != {len(names)}:
        label.refuse("must have as many SIZE, TYPE and COUNT as FIELDS", [len(names), len(sizes), len(types)])
    found = []
    for name, size, kind, count in zip(names, sizes, types, counts, strict=True):
        if kind + size not in _TYPES:
            label.refuse(f"must have fields of TYPE and SIZE {', '.join(_TYPES)}", repr((kind + size)[:40]))
        found.append(
            Field(name=name, type=np.dtype(_TYPES[kind + size]), count=point_records.parse_count(count, label))
        )
    return found


def _number(lines: dict[str, list[str]], word: str, label: Label) -> int:
    default = {"HEIGHT": ["1"], "POINTS": lines.get("WIDTH", [])}
    words = lines.get(word, default.get(word, []))
    if len(words) != 1:
        label.refuse(f"must have one {word} in its header", len(words))
    return point_records.parse_count(words[0], label)


def _decompressed(file: BinaryIO, fields: list[Field], rows: int, label: Label) -> bytes:
    """All columns; their size before and after stands before the compressed bytes."""
    point_records.check_size(8, point_records.bytes_left(file), label)
    packed, size = struct.unpack("<II", file.read(8))
    point_records.check_size(packed, point_records.bytes_left(file), label)
    wanted = rows * sum(field.bytes for field in fields)
    if size != wanted or size > packed * lzf.LARGEST_RATIO:
        label.refuse(f"must compress {wanted} bytes into {packed}", f"{size} bytes")
    try:
        return lzf.decompress(file.read(packed), size)
    except ValueError as error:
        label.refuse("must hold whole compressed data", error)
