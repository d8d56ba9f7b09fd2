"""Results as rows, and as files that people and programs read."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

from musc2.evaluation.results import CategoryResult, mean
from musc2.report import tables

Row = list[str | float | None]


def rows(results: Sequence[CategoryResult]) -> list[list[str]]:
    """A table for reading: a head, a line per category, and their mean. A published figure and the difference to it
    stand in brackets behind ours; a dash is a figure that is not defined."""
    every = [*results, mean(results)] if len(results) > 1 else list(results)
    names = list(dict.fromkeys(name for result in results for name in result.figures))
    head = ["category", "parts", "defective", *names, "seconds"]
    lines = [
        [
            result.category,
            str(result.parts),
            str(result.defective),
            *(_shown(result.figures.get(name), result.published.get(name)) for name in names),
            f"{result.seconds:.1f}",
        ]
        for result in every
    ]
    return [head, *lines]


def write(results: Sequence[CategoryResult], folder: str | os.PathLike[str]) -> list[Path]:
    """Writes table.md, table.csv, table.xlsx and table.json into ``folder``; their paths."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    cells = _cells(results)
    (place / "table.md").write_text(tables.markdown(rows(results)), encoding="utf-8")
    (place / "table.csv").write_text(tables.csv(cells), encoding="utf-8", newline="")
    (place / "table.xlsx").write_bytes(tables.xlsx(cells))
    content = [dataclasses.asdict(result) for result in [*results, mean(results)]]
    (place / "table.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return [place / f"table.{ending}" for ending in ("md", "csv", "xlsx", "json")]


def _cells(results: Sequence[CategoryResult]) -> list[Row]:
    """A cell for each number: ours, the published one and the difference have a column each."""
    names = list(dict.fromkeys(name for result in results for name in result.figures))
    known = [name for name in names if any(name in result.published for result in results)]
    head: Row = ["category", "parts", "defective"]
    for name in names:
        head += [name, f"{name} published", f"{name} difference"] if name in known else [name]
    table = [[*head, "seconds"]]
    for result in [*results, mean(results)]:
        row: Row = [result.category, result.parts, result.defective]
        for name in names:
            ours, theirs = result.figures.get(name), result.published.get(name)
            row.append(ours)
            if name in known:
                row += [theirs, None if ours is None or theirs is None else ours - theirs]
        table.append([*row, result.seconds])
    return table


def _shown(ours: float | None, published: float | None) -> str:
    if ours is None:
        return "-"
    return f"{ours:.1f}" if published is None else f"{ours:.1f} ({published:.1f} {ours - published:+.1f})"
