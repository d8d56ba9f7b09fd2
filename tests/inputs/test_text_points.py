"""Points in lines of numbers, as scanners and spreadsheets write them."""

import numpy as np
import pytest

from musc2 import inputs
from musc2.errors import InputError

POINTS = np.array([[1.5, 2, 3], [-4, 5.25, 6e-3], [7, 8, 9]])
ROWS = "1.5 2 3\n-4 5.25 6e-3\n7 8 9\n"


def read(path):
    return inputs.list_clouds([path])[0].read()


@pytest.mark.parametrize("ending", ["xyz", "asc", "pts", "csv", "txt", "XYZ"])
@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        ROWS.replace("\n", "\r\n"),
        ROWS.replace(" ", "\t"),
        ROWS.replace(" ", ","),
        ROWS.replace(" ", ", "),
        ROWS.replace(" ", ";"),
        ROWS.replace(" ", ";").replace(".", ","),
        ROWS.replace(".", ","),
        ROWS.replace("\n", " 255 0 0\n"),
        "\ufeff" + ROWS,
        "\n\n" + ROWS.replace("\n", "\n\n"),
        "# made by hand\n// twice\n" + ROWS + "# the end\n",
        "3\n" + ROWS,
        "x y z\n" + ROWS,
        "//X,Y,Z,R\n" + ROWS.replace(" ", ",").replace("\n", ",9\n"),
        '"id";"x [mm]";"y [mm]";"z [mm]"\n0;1.5;2;3\n1;-4;5.25;6e-3\n2;7;8;9\n',
        "z,y,x\n3,2,1.5\n6e-3,5.25,-4\n9,8,7\n",
        "# id x y z\n0 1.5 2 3\n1 -4 5.25 6e-3\n2 7 8 9\n",
        "east north up\n" + ROWS,
        "i x [mm] y [mm] z [mm]\n0 1.5 2 3\n1 -4 5.25 6e-3\n2 7 8 9\n",
        ROWS.rstrip("\n"),
    ],
)
def test_lines_of_numbers_are_points(tmp_path, ending, text):
    path = tmp_path / f"a.{ending}"
    path.write_text(text, encoding="utf-8", newline="")
    np.testing.assert_array_equal(read(path), POINTS)


def test_missing_points_stay_missing(tmp_path):
    (tmp_path / "a.xyz").write_text("nan nan nan\n" + ROWS)
    assert np.isnan(read(tmp_path / "a.xyz")[0]).all()
    cloud = inputs.prepare_cloud(read(tmp_path / "a.xyz"), inputs.Preparation())
    assert cloud.rows.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold lines of at least three numbers, got an empty file"),
        ("\n \n", "three numbers, got an empty file"),
        ("hello\n", r"three numbers, got line 1, 'hello'"),
        ("1 2\n3 4\n", r"three numbers, got line 1, '1 2'"),
        (ROWS + "1 2\n", r"three numbers, got line 4, '1 2'"),
        ("# head\n" + ROWS + "7 8 nine\n", r"three numbers, got line 5, '7 8 nine'"),
        ("1,2,3\n4,,6\n", r"three numbers, got line 2, '4,,6'"),
        ("C 1 2 3\n" * 3, r"three numbers, got line 1, 'C 1 2 3'"),
        ("4\n" + ROWS, "must hold the 4 points that line 1 declares, got 3"),
        ("9" * 18 + "\n" + ROWS, "must hold the 999999999999999999 points"),
        ("1 " * 9000, "must have lines of at most 4096 characters, got 18000 characters in line 1"),
        ("\0\1\2" * 100, "three numbers, got line"),
        ("name\n" * 100 + ROWS, "three numbers, got line 1, 'name'"),
    ],
)
def test_errors_name_the_file_and_the_line(tmp_path, text, message):
    path = tmp_path / "a.xyz"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"score: pcd\[0\] \(.*a.xyz\) {message}|{message}"):
        read(path)


def test_notes_and_tables_beside_scans_are_no_scans(tmp_path):
    for name in ("0.txt", "1.csv"):
        (tmp_path / name).write_text(ROWS)
    assert len(inputs.list_clouds(tmp_path)) == 2
    (tmp_path / "0.xyz").write_text(ROWS)
    assert [source.path.name for source in inputs.list_clouds(tmp_path)] == ["0.xyz"]
