"""Files of the Point Cloud Library (.pcd): ascii, binary and binary_compressed."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from musc2.inputs import lzf, records
from musc2.inputs.records import Field
from musc2.inputs.sources import refuse

_TYPES = {
    "F4": "<f4", "F8": "<f8", "I1": "<i1", "I2": "<i2", "I4": "<i4", "I8": "<i8",
    "U1": "<u1", "U2": "<u2", "U4": "<u4", "U8": "<u8",
}  # fmt: skip


def read(path: Path, label: str) -> np.ndarray[Any, Any]:
    """(P, 3); (H, W, 3) for an organised cloud, whose height and width are above 1."""
    with path.open("rb") as file:
        lines = {words[0]: words[1:] for words in records.header(file, "DATA", label)}
        fields = _fields(lines, label)
        width, height, rows = (_number(lines, word, label) for word in ("WIDTH", "HEIGHT", "POINTS"))
        if rows != width * height or rows == 0:
            refuse(label, "must have WIDTH x HEIGHT = POINTS above 0", f"{width} x {height} and {rows}")
        kind = " ".join(lines["DATA"])
        if kind == "ascii":
            xyz = records.read_text(file, fields, rows, label)
        elif kind == "binary":
            xyz = records.read_rows(file, fields, rows, label)
        elif kind == "binary_compressed":
            xyz = records.columns(_decompressed(file, fields, rows, label), fields, rows, label)
        else:
            refuse(label, "must have DATA ascii, binary or binary_compressed", repr(kind[:40]))
    return xyz.reshape(height, width, 3) if min(height, width) > 1 else xyz


def _fields(lines: dict[str, list[str]], label: str) -> list[Field]:
    names = lines.get("FIELDS", lines.get("COLUMNS", []))
    sizes, types = lines.get("SIZE", []), lines.get("TYPE", [])
    counts = lines.get("COUNT", ["1"] * len(names))
    if not names or {len(sizes), len(types), len(counts)} != {len(names)}:
        refuse(label, "must have as many SIZE, TYPE and COUNT as FIELDS", [len(names), len(sizes), len(types)])
    found = []
    for name, size, kind, count in zip(names, sizes, types, counts, strict=True):
        if kind + size not in _TYPES:
            refuse(label, f"must have fields of TYPE and SIZE {', '.join(_TYPES)}", repr((kind + size)[:40]))
        found.append(Field(name=name, type=np.dtype(_TYPES[kind + size]), count=records.whole(count, label)))
    return found


def _number(lines: dict[str, list[str]], word: str, label: str) -> int:
    default = {"HEIGHT": ["1"], "POINTS": lines.get("WIDTH", [])}
    words = lines.get(word, default.get(word, []))
    if len(words) != 1:
        refuse(label, f"must have one {word} in its header", len(words))
    return records.whole(words[0], label)


def _decompressed(file: BinaryIO, fields: list[Field], rows: int, label: str) -> bytes:
    """All columns; their size before and after stands before the compressed bytes."""
    records.require(8, records.left(file), label)
    packed, size = struct.unpack("<II", file.read(8))
    records.require(packed, records.left(file), label)
    wanted = rows * sum(field.bytes for field in fields)
    if size != wanted or size > packed * lzf.LARGEST_RATIO:
        refuse(label, f"must compress {wanted} bytes into {packed}", f"{size} bytes")
    try:
        return lzf.decompress(file.read(packed), size)
    except ValueError as error:
        refuse(label, "must hold whole compressed data", error)
