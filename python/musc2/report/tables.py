"""Tables as text and as spreadsheets. A cell is a text, a number, or None."""

from __future__ import annotations

import csv as csv_module
import io
import zipfile
from collections.abc import Sequence
from xml.sax.saxutils import escape

Rows = Sequence[Sequence[str | float | None]]
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def markdown(rows: Rows) -> str:
    """The first row is the head; numbers stand to the right."""
    head, *body = [["" if cell is None else str(cell) for cell in row] for row in rows]
    right = ["---" if column == 0 else "---:" for column in range(len(head))]
    return "".join("| " + " | ".join(row) + " |\n" for row in (head, right, *body))


def csv(rows: Rows) -> str:
    """Comma-separated values, a line per row."""
    text = io.StringIO()
    csv_module.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def xlsx(rows: Rows) -> bytes:
    """A workbook with one sheet."""
    lines = "".join(f"<row>{''.join(map(_cell, row))}</row>" for row in rows)
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/book.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/sheet.xml" ContentType="{_KIND}.worksheet+xml"/></Types>',
        "_rels/.rels": _relation("officeDocument", "book.xml"),
        "book.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_RELATION}">'
        '<sheets><sheet name="musc2" sheetId="1" r:id="one"/></sheets></workbook>',
        "_rels/book.xml.rels": _relation("worksheet", "sheet.xml"),
        "sheet.xml": f'<worksheet xmlns="{_SHEET}"><sheetData>{lines}</sheetData></worksheet>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(
                name, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{text}'
            )
    return packed.getvalue()


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="one" Type="{_RELATION}/{kind}" Target="{target}"/></Relationships>'
    )


def _cell(value: str | float | None) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f"<c><v>{value!r}</v></c>"
