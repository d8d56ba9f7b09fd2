"""Format results as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musc2.result import Result


def ranking(result: Result) -> list[str]:
    """Return the parts, the most suspicious first, then those that failed."""
    order = result.scores.argsort(descending=True, stable=True).tolist()
    rows = [("rank", "name", "score", "before re-scoring")]
    for rank, index in enumerate(order, 1):
        score, raw_score = float(result.scores[index]), float(result.raw_scores[index])
        rows.append((str(rank), result.names[index], f"{score:.4f}", f"{raw_score:.4f}"))
    lines = aligned(rows)
    for failure in result.failures:
        lines.append(f"left out: {failure.message}")
    return lines


def timings(seconds_of: Mapping[str, float]) -> list[str]:
    """Return the seconds of each stage, the longest first."""
    rows = [("stage", "seconds")]
    for stage, seconds in sorted(seconds_of.items(), key=lambda item: -item[1]):
        rows.append((stage, f"{seconds:.2f}"))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = map(str.ljust, row, widths)
        lines.append("  ".join(cells).rstrip())
    return lines
