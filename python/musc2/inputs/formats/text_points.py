"""Read points from lines of numbers (.xyz, .asc, .txt, .csv, .pts), as scanners export them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from musc2.inputs.sample import Label

ENDINGS = (".xyz", ".asc", ".pts", ".csv", ".txt")
_COMMENTS = ("#", "//", "%", "!")
_MAX_HEADER_LINES = 50
_MAX_LINE_CHARACTERS = 4096
_DECIMAL_COMMA = re.compile(r"[-+]?\d+(,\d+)?([eE][-+]?\d+)?")
_REQUIREMENT = "must hold lines of at least three numbers"


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """How the lines from ``first`` on are divided, and the columns of x, y and z in them.

    declared: the number of points that a line of its own announced, with the number of that line.
    """

    first: int
    delimiter: str | None
    decimal_comma: bool
    columns: tuple[int, ...]
    declared: tuple[int, int] | None


def read(path: Path, label: Label) -> np.ndarray[Any, Any]:
    """Return (P, 3) float64: the columns that a header calls x, y and z, else the first three.

    Values are divided by blanks, tabs, commas or semicolons, with a decimal comma where these
    leave no doubt. Comments, a header and a line with the number of points are passed over, and
    further columns such as colors and normals are ignored.
    """
    lines = path.read_bytes().decode("utf-8-sig", errors="replace").splitlines()
    layout = _layout(lines, label)
    rows: list[str] = []
    numbers: list[int] = []
    for index in range(layout.first, len(lines)):
        line = lines[index]
        if _is_content(line):
            rows.append(line.replace(",", ".") if layout.decimal_comma else line)
            numbers.append(index + 1)
    try:
        points: np.ndarray[Any, Any] = np.loadtxt(
            rows,
            delimiter=layout.delimiter,
            usecols=layout.columns,
            comments=None,
            ndmin=2,
        )
    except ValueError:
        _refuse_first_bad_line(rows, numbers, layout, label)
    if layout.declared is not None and layout.declared[0] > len(points):
        count, line_number = layout.declared
        label.refuse(f"must hold the {count} points that line {line_number} declares", len(points))
    return points


def _layout(lines: list[str], label: Label) -> _Layout:
    """Return the layout that the first line of numbers shows."""
    columns: tuple[int, ...] = (0, 1, 2)
    declared: tuple[int, int] | None = None
    first_content = ""
    headers = 0
    for index, line in enumerate(lines):
        if len(line) > _MAX_LINE_CHARACTERS:
            got = f"{len(line)} characters in line {index + 1}"
            label.refuse(f"must have lines of at most {_MAX_LINE_CHARACTERS} characters", got)
        fields, delimiter, decimal_comma = _fields(line)
        if _is_content(line):
            first_content = first_content or f"line {index + 1}, {line.strip()[:60]!r}"
            if len(fields) >= 3 and _are_numbers(fields[:3]):
                if len(fields) <= max(columns):
                    columns = (0, 1, 2)
                return _Layout(
                    first=index,
                    delimiter=delimiter,
                    decimal_comma=decimal_comma,
                    columns=columns,
                    declared=declared,
                )
            if len(fields) == 1 and fields[0].isdecimal() and len(fields[0]) <= 18:
                declared = (int(fields[0]), index + 1)
            headers += 1
        columns = _columns(fields) or columns
        if headers > _MAX_HEADER_LINES:
            break
    label.refuse(_REQUIREMENT, first_content or "an empty file")


def _is_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(_COMMENTS)


def _fields(line: str) -> tuple[list[str], str | None, bool]:
    """Return the values of a line, their delimiter (None: blanks), and whether 1,5 is a number."""
    text = line.strip()
    if ";" in text:
        return list(map(str.strip, text.split(";"))), ";", "," in text
    words = text.split()
    if "," not in text:
        return words, None, False
    if len(words) >= 3 and all(map(_DECIMAL_COMMA.fullmatch, words[:3])):
        return words, None, True
    return list(map(str.strip, text.split(","))), ",", False


def _columns(fields: list[str]) -> tuple[int, ...] | None:
    """Return the positions of x, y and z in a header: "//X Y Z", "id;x [mm];y [mm];z [mm]"."""
    names: list[str] = []
    for field in fields:
        name = re.sub(r"^[#/%!\s\"']+|\s*[\[(].*$|[\s\"']+$", "", field.lower())
        if name or (names and not field):  # neither the sign of "# x y z" nor a unit "[mm]"
            names.append(name)
    if (names.count("x"), names.count("y"), names.count("z")) != (1, 1, 1):
        return None
    return names.index("x"), names.index("y"), names.index("z")


def _are_numbers(fields: list[str]) -> bool:
    try:
        for field in fields:
            float(field.replace(",", "."))
    except ValueError:
        return False
    return True


def _refuse_first_bad_line(
    rows: list[str], numbers: list[int], layout: _Layout, label: Label
) -> NoReturn:
    """Raise an error that names the line that numpy could not read."""
    for row, number in zip(rows, numbers, strict=True):
        fields = row.split(layout.delimiter)
        values = [fields[column] for column in layout.columns if column < len(fields)]
        if len(values) < 3 or not _are_numbers(values):
            label.refuse(_REQUIREMENT, f"line {number}, {row.strip()[:60]!r}")
    label.refuse(_REQUIREMENT, "lines that cannot be read")
