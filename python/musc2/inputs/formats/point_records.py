"""Rows of named numbers in a file, as pcd and ply hold their points: x, y and z of each row.

Whatever a header claims is compared with the bytes that are there before anything is allocated or read.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from musc2.inputs.sample import Label

_LINE = 4096  # bytes of a header line
_LINES = 1000


@dataclass(frozen=True, kw_only=True)
class Field:
    """A named column, or ``count`` columns of one name."""

    name: str
    type: np.dtype[Any]
    count: int = 1

    @property
    def bytes(self) -> int:
        """Of one row."""
        return self.type.itemsize * self.count


def header(file: BinaryIO, last: str, label: Label) -> list[list[str]]:
    """The words of the lines up to one that begins with the word ``last``; lines without words are left out."""
    lines = []
    for _ in range(_LINES):
        line = file.readline(_LINE)
        if not line.endswith(b"\n"):
            break
        if words := line.decode("latin1").split():
            lines.append(words)
            if words[0] == last:
                return lines
    label.refuse(f"must begin with a header that ends with {last}", "none")


def parse_count(word: str, label: Label) -> int:
    """A number that a header holds."""
    if not re.fullmatch(r"\d{1,18}", word):
        label.refuse("must have whole numbers where its header counts", repr(word[:40]))
    return int(word)


def bytes_left(file: BinaryIO) -> int:
    """How many bytes the file still has."""
    return os.fstat(file.fileno()).st_size - file.tell()


def check_size(wanted: int, there: int, label: Label) -> None:
    """That the ``wanted`` bytes which a header speaks of can be there."""
    if wanted > there:
        label.refuse(f"must hold the {wanted} bytes that its header speaks of", there)


def read_rows(file: BinaryIO, fields: Sequence[Field], rows: int, label: Label) -> np.ndarray[Any, Any]:
    """(rows, 3): from binary rows that follow each other."""
    places = _places(fields, label)
    starts = [0, *itertools.accumulate(field.bytes for field in fields)]
    size = starts[-1]
    check_size(rows * size, bytes_left(file), label)
    record = np.dtype(
        {
            "names": ["x", "y", "z"],
            "formats": [fields[place].type for place in places],
            "offsets": [starts[place] for place in places],
            "itemsize": size,
        }
    )
    found = np.frombuffer(file.read(rows * size), record)
    return _together([found[name] for name in "xyz"], rows)


def columns(data: bytes, fields: Sequence[Field], rows: int, label: Label) -> np.ndarray[Any, Any]:
    """(rows, 3): from binary columns that follow each other."""
    places = _places(fields, label)
    starts = [0, *itertools.accumulate(rows * field.bytes for field in fields)]
    return _together([np.frombuffer(data, fields[place].type, rows, starts[place]) for place in places], rows)


def read_text(file: BinaryIO, fields: Sequence[Field], rows: int, label: Label) -> np.ndarray[Any, Any]:
    """(rows, 3): from lines of numbers."""
    places = _places(fields, label)
    starts = [0, *itertools.accumulate(field.count for field in fields)]
    check_size(2 * rows * starts[-1] - 1, bytes_left(file), label)  # a digit and a space each
    lines = itertools.islice((line for line in file if not line.isspace()), rows)  # of empty lines numpy warns
    if (first := next(lines, None)) is None:
        label.refuse(f"must hold {rows} lines of numbers", "none")
    found = np.loadtxt(
        itertools.chain([first], lines),
        usecols=[starts[place] for place in places],
        ndmin=2,
        comments=None,
        encoding="latin1",
    )
    if len(found) != rows:
        label.refuse(f"must hold {rows} lines of numbers", len(found))
    with np.errstate(over="ignore", invalid="ignore"):
        return found.astype(np.result_type(*(fields[place].type for place in places)).newbyteorder("="))


def _places(fields: Sequence[Field], label: Label) -> list[int]:
    """Where x, y and z are among the fields."""
    names = [field.name if field.count == 1 else "" for field in fields]
    if any(names.count(name) != 1 for name in "xyz"):
        got = ", ".join(field.name[:20] for field in fields[:20])
        label.refuse("must have the fields x, y and z, one number each", got or "none")
    return [names.index(name) for name in "xyz"]


def _together(found: Iterable[np.ndarray[Any, Any]], rows: int) -> np.ndarray[Any, Any]:
    parts = list(found)
    xyz = np.empty((rows, 3), np.result_type(*parts).newbyteorder("="))
    for axis, values in enumerate(parts):
        xyz[:, axis] = values
    return xyz
