"""The tables of results, as text and as files."""

import csv
import json
import re
import xml.etree.ElementTree as ElementTree
import zipfile

import pytest

from musc2 import evaluation
from musc2.evaluation import CategoryResult
from musc2.report import tables

SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def result_of(category, auroc, aupro=None, **published):
    return CategoryResult(
        category=category,
        parts=6,
        defective=3,
        metrics={"I-AUROC": auroc, "AUPRO": aupro},
        published={name.replace("_", "-"): value for name, value in published.items()},
        encoders={"2d": "texture"},
        seconds=1.5,
        timings={"search": 1.0},
        request={"dataset": "mvtec_3d"},
    )


RESULTS = [result_of("bagel", 98.25, I_AUROC=96.13), result_of("cable_gland", 70.5, I_AUROC=73.89)]


def workbook_cells(path):
    """Return rows of (text, is a text), and the number of formulas, of a workbook's only sheet."""
    with zipfile.ZipFile(path) as archive:
        texts = []
        for item in ElementTree.fromstring(archive.read("xl/sharedStrings.xml")):
            texts.append("".join(item.itertext()))
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.iter(f"{SPACE}row"):
        cells = {}
        for cell in row:
            column = re.match("[A-Z]+", cell.get("r"))[0]
            value, is_text = cell.findtext(f"{SPACE}v"), cell.get("t") == "s"
            cells[column] = (texts[int(value)] if is_text else value, is_text)
        rows.append(cells)
    return rows, len(list(sheet.iter(f"{SPACE}f")))


def test_rows_show_published_metrics_in_brackets():
    head, bagel, gland, mean = evaluation.rows(RESULTS)
    assert head == ["category", "parts", "defective", "I-AUROC", "AUPRO", "seconds"]
    assert bagel == ["bagel", "6", "3", "98.2 (96.1 +2.1)", "-", "1.5"]
    assert gland[3] == "70.5 (73.9 -3.4)"
    assert mean[:4] == ["mean", "12", "6", "84.4 (85.0 -0.6)"]


def test_tables_as_files(tmp_path):
    paths = evaluation.write(RESULTS, tmp_path)
    assert sorted(path.name for path in paths) == sorted(path.name for path in tmp_path.iterdir())
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert len(lines) == 2 + 2 + 1
    assert lines[2].startswith("| bagel | 6 | 3 | ")
    with (tmp_path / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["category"] for row in rows] == ["bagel", "cable_gland", "mean"]
    value, published = float(rows[0]["I-AUROC"]), float(rows[0]["I-AUROC published"])
    assert (value, published) == (98.25, 96.13)
    assert float(rows[0]["I-AUROC difference"]) == pytest.approx(value - published)
    assert json.loads((tmp_path / "table.json").read_text())[-1]["category"] == "mean"


def test_the_workbook_has_the_cells_of_the_csv(tmp_path):
    pytest.importorskip("xlsxwriter")
    evaluation.write(RESULTS, tmp_path)
    with (tmp_path / "table.csv").open(newline="") as file:
        csv_rows = list(csv.reader(file))
    rows, formulas = workbook_cells(tmp_path / "table.xlsx")
    assert formulas == 0
    for cells, csv_row in zip(rows, csv_rows, strict=True):
        for index, expected in enumerate(csv_row):
            text, is_text = cells.get(chr(ord("A") + index), ("", False))
            if is_text or not expected:
                assert text == expected
            else:
                assert float(text) == pytest.approx(float(expected), rel=1e-15)
    assert all(is_text for _, is_text in rows[0].values())
    assert [is_text for _, is_text in rows[1].values()] == [True] + [False] * (len(rows[1]) - 1)


@pytest.mark.parametrize("text", ["=1+1", "{=1+1}", "http://a.b", "12", "@x", "<a>&"])
def test_texts_of_a_workbook_stay_texts(tmp_path, text):
    pytest.importorskip("xlsxwriter")
    (tmp_path / "table.xlsx").write_bytes(tables.xlsx([["head"], [text]]))
    rows, formulas = workbook_cells(tmp_path / "table.xlsx")
    assert rows[1] == {"A": (text, True)}
    assert formulas == 0


def test_without_xlsxwriter_a_line_says_that_there_is_no_workbook(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "xlsx_available", lambda: False)
    with pytest.warns(UserWarning, match=r'pip install "musc2\[xlsx\]"'):
        paths = evaluation.write(RESULTS, tmp_path)
    assert sorted(path.name for path in paths) == ["table.csv", "table.json", "table.md"]
    assert not (tmp_path / "table.xlsx").exists()
