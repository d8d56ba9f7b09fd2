"""Format results as lines of text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musc2.result import Result

_DIGITS = 4  # after the point, at least


def decimals(result: Result) -> int:
    """Return the digits after the point of all scores that people read: four of the threshold."""
    value = abs(result.threshold.value)
    if value == 0 or not math.isfinite(value):
        return _DIGITS
    return max(_DIGITS, _DIGITS - 1 - math.floor(math.log10(value)))


def ranking(result: Result, top: int | None = None) -> list[str]:
    """Return the ``top`` most suspicious parts, those left out, and the verdict as last line."""
    shown = result.top(len(result) if top is None else top)
    rows = [("rank", "name", "score", "verdict")]
    digits = decimals(result)
    width = max((len(f"{part.score:.{digits}f}") for part in shown), default=0)
    for part in shown:
        rows.append((str(part.rank), part.name, f"{part.score:{width}.{digits}f}", part.verdict))
    lines = aligned(rows)
    if len(shown) < len(result):
        lines.append(f"and {len(result) - len(shown)} more parts with lower scores")
    for failure in result.failures:
        lines.append(f"left out: {failure.message}")
    return [*lines, result.summary, f"threshold {result.threshold.value:.{digits}f}"]


def printable(text: str) -> str:
    """Return text with control characters as escapes: it takes one line and moves no cursor."""
    escaped = []
    for letter in text:
        is_plain = letter.isprintable()
        escaped.append(letter if is_plain else letter.encode("unicode_escape").decode("ascii"))
    return "".join(escaped)


def timings(seconds_of: Mapping[str, float]) -> list[str]:
    """Return the seconds of each stage, the longest first."""
    rows = [("stage", "seconds")]
    for stage, seconds in sorted(seconds_of.items(), key=lambda item: -item[1]):
        rows.append((stage, f"{seconds:.2f}"))
    return aligned(rows)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns, control characters as escapes."""
    rows = [list(map(printable, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = map(str.ljust, row, widths)
        lines.append("  ".join(cells).rstrip())
    return lines
