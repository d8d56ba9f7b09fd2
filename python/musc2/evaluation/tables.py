"""Results as rows of a table, and as files for people and programs."""

from __future__ import annotations

import dataclasses
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from musc2.atomic_files import replacing
from musc2.evaluation.results import CategoryResult, mean
from musc2.report import tables

Row = list[str | float | None]


def rows(results: Sequence[CategoryResult]) -> list[list[str]]:
    """Return a table for reading: a head, a row per category, and their mean.

    A published metric and the difference to it stand in brackets; "-" is an undefined metric.
    """
    names = _metric_names(results)
    table = [["category", "parts", "defective", *names, "seconds"]]
    for result in _with_mean(results):
        row = [result.category, str(result.parts), str(result.defective)]
        for name in names:
            row.append(_shown(result.metrics.get(name), result.published.get(name)))
        table.append([*row, f"{result.seconds:.1f}"])
    return table


def write(results: Sequence[CategoryResult], folder: str | os.PathLike[str]) -> list[Path]:
    """Write table.md, table.csv, table.xlsx and table.json into ``folder``; return their paths.

    table.xlsx needs the package XlsxWriter (``pip install "musc2[xlsx]"``); without it there is a
    warning instead.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    cells = _cells(results)
    content = [dataclasses.asdict(result) for result in [*results, mean(results)]]
    files = {
        "table.md": tables.markdown(rows(results)).encode(),
        "table.csv": tables.csv(cells).encode(),
        "table.json": json.dumps(content, indent=1).encode(),
    }
    if tables.xlsx_available():
        files["table.xlsx"] = tables.xlsx(cells)
    else:
        message = 'table.xlsx is not written: it needs XlsxWriter; pip install "musc2[xlsx]"'
        warnings.warn(message, stacklevel=2)
    for name, data in files.items():
        with replacing(target / name) as file:
            file.write(data)
    return [target / name for name in files]


def _metric_names(results: Sequence[CategoryResult]) -> list[str]:
    return list(dict.fromkeys(name for result in results for name in result.metrics))


def _with_mean(results: Sequence[CategoryResult]) -> list[CategoryResult]:
    """Return the results and, if there are several, their mean."""
    return [*results, mean(results)] if len(results) > 1 else list(results)


def _cells(results: Sequence[CategoryResult]) -> list[Row]:
    """Return a cell for each number: published metrics and differences have their own columns."""
    names = _metric_names(results)
    published = {name for result in results for name in result.published}
    head: Row = ["category", "parts", "defective"]
    for name in names:
        head.append(name)
        if name in published:
            head += [f"{name} published", f"{name} difference"]
    table: list[Row] = [[*head, "seconds"]]
    for result in [*results, mean(results)]:
        row: Row = [result.category, result.parts, result.defective]
        for name in names:
            value, reference = result.metrics.get(name), result.published.get(name)
            row.append(value)
            if name in published:
                row += [reference, _difference(value, reference)]
        table.append([*row, result.seconds])
    return table


def _difference(value: float | None, reference: float | None) -> float | None:
    return None if value is None or reference is None else value - reference


def _shown(value: float | None, published: float | None) -> str:
    if value is None:
        return "-"
    if published is None:
        return f"{value:.1f}"
    return f"{value:.1f} ({published:.1f} {value - published:+.1f})"
