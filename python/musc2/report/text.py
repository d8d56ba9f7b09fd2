"""Format results as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musc2.result import Result


def ranking(result: Result) -> list[str]:
    """Return the parts, the most suspicious first, then those that failed."""
    order = result.scores.argsort(descending=True, stable=True).tolist()
    head = ("rank", "name", "score", "before re-scoring")
    rows = [
        (str(rank), result.names[i], f"{result.scores[i]:.4f}", f"{result.raw_scores[i]:.4f}")
        for rank, i in enumerate(order, 1)
    ]
    return aligned([head, *rows]) + [f"left out: {failure.message}" for failure in result.failures]


def timings(seconds_of: Mapping[str, float]) -> list[str]:
    """Return the seconds of each stage, the longest first."""
    seconds = sorted(seconds_of.items(), key=lambda item: -item[1])
    return aligned([("stage", "seconds"), *((stage, f"{value:.2f}") for stage, value in seconds)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
