"""Read x, y and z from records of named numbers, as pcd and ply files hold their points.

The sizes that a header declares are compared with the file before anything is allocated or read.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from musc2.inputs.sample import Label

_MAX_LINE_BYTES = 4096
_MAX_HEADER_LINES = 1000


@dataclass(frozen=True, kw_only=True)
class Field:
    """A named column, or ``count`` columns of one name."""

    name: str
    type: np.dtype[Any]
    count: int = 1

    @property
    def bytes(self) -> int:
        """Return the size in one row."""
        return self.type.itemsize * self.count


def header(file: BinaryIO, last: str, label: Label) -> list[list[str]]:
    """Return the words of each line that is not empty, up to the one that begins with ``last``."""
    lines = []
    for _ in range(_MAX_HEADER_LINES):
        line = file.readline(_MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            break
        words = line.decode("latin1").split()
        if not words:
            continue
        lines.append(words)
        if words[0] == last:
            return lines
    label.refuse(f"must begin with a header that ends with {last}", "none")


def parse_count(word: str, label: Label) -> int:
    """Return a whole number of a header."""
    if not re.fullmatch(r"\d{1,18}", word):
        label.refuse("must have whole numbers where its header counts", repr(word[:40]))
    return int(word)


def bytes_left(file: BinaryIO) -> int:
    """Return the number of bytes from the current position to the end of the file."""
    return os.fstat(file.fileno()).st_size - file.tell()


def check_size(declared: int, available: int, label: Label) -> None:
    """Raise if a header declares more bytes than the file has, or than are allowed."""
    if declared > available:
        label.refuse(f"must hold the {declared} bytes that its header declares", available)
    label.check_bytes(declared)


def read_rows(
    file: BinaryIO, fields: Sequence[Field], rows: int, label: Label
) -> np.ndarray[Any, Any]:
    """Return (rows, 3) from binary rows that follow each other."""
    columns_of_xyz = _columns_of_xyz(fields, label)
    starts = [0, *itertools.accumulate(field.bytes for field in fields)]
    row_size = starts[-1]
    check_size(rows * row_size, bytes_left(file), label)
    record = np.dtype(
        {
            "names": ["x", "y", "z"],
            "formats": [fields[column].type for column in columns_of_xyz],
            "offsets": [starts[column] for column in columns_of_xyz],
            "itemsize": row_size,
        }
    )
    records = np.frombuffer(file.read(rows * row_size), record)
    return _stack([records[name] for name in "xyz"], rows)


def columns(data: bytes, fields: Sequence[Field], rows: int, label: Label) -> np.ndarray[Any, Any]:
    """Return (rows, 3) from binary columns that follow each other."""
    starts = [0, *itertools.accumulate(rows * field.bytes for field in fields)]
    xyz = [
        np.frombuffer(data, fields[column].type, rows, starts[column])
        for column in _columns_of_xyz(fields, label)
    ]
    return _stack(xyz, rows)


def read_text(
    file: BinaryIO, fields: Sequence[Field], rows: int, label: Label
) -> np.ndarray[Any, Any]:
    """Return (rows, 3) from lines of numbers."""
    columns_of_xyz = _columns_of_xyz(fields, label)
    starts = [0, *itertools.accumulate(field.count for field in fields)]
    check_size(2 * rows * starts[-1] - 1, bytes_left(file), label)  # a digit and a space each
    filled_lines = (line for line in file if not line.isspace())  # numpy warns of empty lines
    lines = itertools.islice(filled_lines, rows)
    first = next(lines, None)
    if first is None:
        label.refuse(f"must hold {rows} lines of numbers", "none")
    numbers = np.loadtxt(
        itertools.chain([first], lines),
        usecols=[starts[column] for column in columns_of_xyz],
        ndmin=2,
        comments=None,
        encoding="latin1",
    )
    if len(numbers) != rows:
        label.refuse(f"must hold {rows} lines of numbers", len(numbers))
    dtype = np.result_type(*(fields[column].type for column in columns_of_xyz))
    with np.errstate(over="ignore", invalid="ignore"):
        return numbers.astype(dtype.newbyteorder("="))


def _columns_of_xyz(fields: Sequence[Field], label: Label) -> list[int]:
    """Return the positions of x, y and z among the fields."""
    names = [field.name if field.count == 1 else "" for field in fields]
    if any(names.count(axis) != 1 for axis in "xyz"):
        got = ", ".join(field.name[:20] for field in fields[:20]) or "none"
        label.refuse("must have the fields x, y and z, one number each", got)
    return [names.index(axis) for axis in "xyz"]


def _stack(xyz: Sequence[np.ndarray[Any, Any]], rows: int) -> np.ndarray[Any, Any]:
    """Return x, y and z, (rows,) each, as (rows, 3) in native byte order."""
    stacked = np.empty((rows, 3), np.result_type(*xyz).newbyteorder("="))
    for axis, values in enumerate(xyz):
        stacked[:, axis] = values
    return stacked
