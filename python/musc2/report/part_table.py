"""The parts of a result as a table, the most suspicious first: csv, json or parquet."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from musc2 import atomic_files
from musc2.errors import InputError
from musc2.inputs.ordered_map import ordered_map
from musc2.ops._support.dispatch import num_threads
from musc2.part import Part
from musc2.regions import Region, regions
from musc2.report import tables
from musc2.result import Result

FORMATS = ("csv", "json", "parquet")
Row = dict[str, Any]


def rows(result: Result, pictures: Mapping[int, str] | None = None) -> list[Row]:
    """Return a row per part.

    peak: (x, y) of the highest value of the map; boxes: (x, y, width, height) of the regions of a
    suspicious part, in pixels; area: their pixels. pictures: index of a part -> its picture's file.
    """

    def row(part: Part) -> Row:
        return _row(part, (pictures or {}).get(part.index))

    threads = num_threads()
    parts = result.top(len(result))
    return list(ordered_map(row, parts, threads=threads, ahead=2 * threads))


def as_csv(rows: list[Row]) -> str:
    """Return comma-separated values; peaks and boxes are numbers between spaces and semicolons."""
    head = list(rows[0])
    cells: list[list[str | float | None]] = [list(head)]
    for row in rows:
        flat = row | {
            "peak": _joined([row["peak"]] if row["peak"] else []),
            "boxes": _joined(row["boxes"]),
        }
        cells.append([flat[column] for column in head])
    return tables.csv(cells)


def as_json(result: Result, rows: list[Row]) -> str:
    """Return the threshold, the parts and the files that were left out."""
    cut = result.threshold
    document = {
        "threshold": {"value": cut.value, "method": cut.method, "confidence": cut.confidence},
        "parts": rows,
        "left_out": [
            {"name": failure.name, "path": _text(failure.path), "reason": failure.message}
            for failure in result.failures
        ],
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def parquet_available() -> bool:
    """Return whether the package pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def require_parquet() -> None:
    """Raise unless the package pyarrow is installed."""
    if not parquet_available():
        msg = "the format parquet needs the package pyarrow; pip install pyarrow"
        raise InputError(msg)


def as_parquet(rows: list[Row]) -> bytes:
    """Return the rows as a parquet file."""
    require_parquet()
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(pa.Table.from_pylist(rows), sink)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def write(result: Result, rows: list[Row], folder: Path) -> None:
    """Write scores.csv, scores.json and, if something was left out, left_out.csv."""
    files: dict[str, Callable[[], str]] = {
        "scores.csv": lambda: as_csv(rows),
        "scores.json": lambda: as_json(result, rows),
    }
    if result.failures:
        files["left_out.csv"] = lambda: _left_out(result)
    for name, text in files.items():
        with atomic_files.replacing(folder / name) as file:
            file.write(text().encode("utf-8", "backslashreplace"))
    if parquet_available():
        with atomic_files.replacing(folder / "scores.parquet") as file:
            file.write(as_parquet(rows))


def files(result: Result) -> list[str]:
    """Return the names of the files that ``write`` writes."""
    names = ["scores.csv", "scores.json"]
    if result.failures:
        names.append("left_out.csv")
    if parquet_available():
        names.append("scores.parquet")
    return names


def _row(part: Part, picture: str | None) -> Row:
    values = part.map
    peak = None
    above: list[Region] = []
    if values is not None:
        y, x = divmod(int(values.numpy().argmax()), values.shape[1])
        peak = [x, y]
        if part.suspicious:
            above = regions(values, part.result.map_threshold)
    return {
        "rank": part.rank,
        "name": part.name,
        "path": _text(part.path),
        "score": part.score,
        "raw_score": part.raw_score,
        "verdict": part.verdict,
        "peak": peak,
        "regions": len(above),
        "area": sum(region.area for region in above),
        "boxes": [list(region.box) for region in above],
        "picture": picture,
    }


def _left_out(result: Result) -> str:
    cells: list[list[str | float | None]] = [["name", "path", "reason"]]
    for failure in result.failures:
        cells.append([failure.name, _text(failure.path), failure.message])
    return tables.csv(cells)


def _joined(groups: list[list[int]]) -> str:
    return "; ".join(" ".join(map(str, group)) for group in groups)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
