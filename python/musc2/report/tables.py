"""Tables as text and as spreadsheets. A cell is a text, a number, or None."""

from __future__ import annotations

import csv as csv_module
import importlib.util
import io
from collections.abc import Sequence

from musc2.report.text import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # the first letters of formulas

Rows = Sequence[Sequence[str | float | None]]


def markdown(rows: Rows) -> str:
    """Return a Markdown table; the first row is the head, columns after the first align right."""
    head, *body = [list(map(_in_markdown, row)) for row in rows]
    alignment = ["---", *["---:" for _ in head[1:]]]
    return "".join("| " + " | ".join(row) + " |\n" for row in (head, alignment, *body))


def csv(rows: Rows) -> str:
    """Return comma-separated values, a line per row.

    Texts that a spreadsheet would take for a formula begin with an apostrophe.
    """
    text = io.StringIO()
    writer = csv_module.writer(text, lineterminator="\n")
    for row in rows:
        writer.writerow([_as_text(cell) for cell in row])
    return text.getvalue()


def xlsx_available() -> bool:
    """Return whether ``xlsx`` works: the package XlsxWriter is installed."""
    return importlib.util.find_spec("xlsxwriter") is not None


def xlsx(rows: Rows) -> bytes:
    """Return a workbook with one sheet; texts stay texts, also if they look like formulas."""
    import xlsxwriter

    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"in_memory": True}) as workbook:
        sheet = workbook.add_worksheet("musc2")
        for row_index, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(row_index, column, printable(cell))
                elif cell is not None:
                    sheet.write_number(row_index, column, cell)
    return content.getvalue()


def _in_markdown(cell: str | float | None) -> str:
    """Return a cell that neither ends its column nor its line."""
    return "" if cell is None else printable(str(cell)).replace("|", "\\|")


def _as_text(cell: str | float | None) -> str | float | None:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
