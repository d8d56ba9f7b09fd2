"""pcd and ply files of all kinds."""

import struct

import numpy as np
import pytest
import scan_files

import musc2
from musc2 import inputs
from musc2.errors import InputError
from musc2.inputs.formats import lzf


def read(path):
    return inputs.list_clouds([path])[0].read()


@pytest.fixture
def points(rng):
    return np.round(rng.normal(size=(96, 3)), 3).astype(np.float32)


@pytest.mark.parametrize("number", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("kind", scan_files.PCD_KINDS)
def test_pcd_files_hold_their_points(tmp_path, points, kind, number):
    points = (10 * points).astype(number)
    (tmp_path / "a.PCD").write_bytes(scan_files.pcd(scan_files.table(points), kind))
    points_read = read(tmp_path / "a.PCD")
    assert points_read.dtype == number
    np.testing.assert_array_equal(points_read, points)
    (tmp_path / "a.PCD").write_bytes(
        scan_files.pcd(scan_files.table(points, (), ()), kind, (8, 12))
    )
    np.testing.assert_array_equal(read(tmp_path / "a.PCD"), points.reshape(8, 12, 3))
    (tmp_path / "a.PCD").write_bytes(scan_files.pcd(scan_files.table(points), kind, (96, 1)))
    assert read(tmp_path / "a.PCD").shape == (96, 3)


@pytest.mark.parametrize("number", [np.float32, np.float64, np.int16])
@pytest.mark.parametrize("kind", scan_files.PLY_KINDS)
def test_ply_files_hold_their_vertices(tmp_path, points, kind, number):
    points = (10 * points).astype(number)
    for ending in ("\n", "\r\n"):
        (tmp_path / "a.ply").write_bytes(
            scan_files.ply(scan_files.table(points), kind, ending=ending)
        )
        points_read = read(tmp_path / "a.ply")
        assert points_read.dtype == number
        assert points_read.dtype.isnative
        np.testing.assert_array_equal(points_read, points)


@pytest.mark.parametrize("kind", scan_files.PLY_KINDS)
def test_elements_before_the_vertices_are_passed_over(tmp_path, points, kind):
    head = "element camera 2\nproperty float focal\nproperty uchar number\n"
    before = b"1.5 2\n2.5 3\n" if kind == "ascii" else bytes(10)
    (tmp_path / "a.ply").write_bytes(scan_files.ply(scan_files.table(points), kind, before, head))
    np.testing.assert_array_equal(read(tmp_path / "a.ply"), points)


@pytest.mark.parametrize("kind", scan_files.PLY_KINDS)
def test_more_elements_than_there_can_be_are_not_passed_over(tmp_path, points, kind):
    head = "element camera 999999999999\nproperty float focal\n"
    (tmp_path / "a.ply").write_bytes(scan_files.ply(scan_files.table(points), kind, b"", head))
    with pytest.raises(InputError, match=r"must hold the (1999999999998|3999999999996) bytes"):
        read(tmp_path / "a.ply")


def test_missing_points_stay_missing(tmp_path, points):
    points[5] = np.nan
    for kind in scan_files.PCD_KINDS:
        (tmp_path / "a.pcd").write_bytes(scan_files.pcd(scan_files.table(points), kind))
        np.testing.assert_array_equal(read(tmp_path / "a.pcd"), points)


def test_columns_of_several_numbers_and_unnamed_ones_are_passed_over(tmp_path):
    head = (
        "FIELDS x _ y z hist\nSIZE 4 1 4 4 4\nTYPE F U F F F\nCOUNT 1 4 1 1 33\n"
        "WIDTH 2\nHEIGHT 1\nDATA binary\n"
    )
    rows = b"".join(
        struct.pack("<f4xff33f", *values, *range(33)) for values in ((1, 2, 3), (4, 5, 6))
    )
    (tmp_path / "a.pcd").write_bytes(head.encode() + rows + b"more")
    assert read(tmp_path / "a.pcd").tolist() == [[1, 2, 3], [4, 5, 6]]


def test_compressed_bytes_come_back(rng):
    for data in (
        b"abc" * 500,
        bytes(9000),
        rng.bytes(1000),
        b"",
        rng.integers(0, 3, 20000).astype(np.uint8).tobytes(),
    ):
        packed = scan_files.compressed(data)
        assert lzf.decompress(packed, len(data)) == data
        for wrong in (len(data) - 1, len(data) + 1):
            with pytest.raises(ValueError, match="bytes from"):
                lzf.decompress(packed, wrong)
    with pytest.raises(
        ValueError, match=r"^26\d bytes from"
    ):  # it stops as soon as there is too much
        lzf.decompress(scan_files.compressed(bytes(100_000)), 10)
    for cut in (b"\x00a\x20", b"\x00a\xe0\x01", b"\x05abc"):
        with pytest.raises(ValueError, match="bytes from"):
            lzf.decompress(cut, 4)
    with pytest.raises(ValueError, match="a reference to before the first byte"):
        lzf.decompress(b"\x00a\x20\x05", 4)


def test_score_takes_such_files(tmp_path, rng):
    paths = []
    for index, kind in enumerate([*scan_files.PCD_KINDS, *scan_files.PLY_KINDS]):
        rows, columns = np.mgrid[:24, :24].reshape(2, -1) / 24
        height = 0.02 * rng.random(576) + (0.2 if index == 4 else 0.0) * (
            np.hypot(rows - 0.5, columns - 0.5) < 0.2
        )
        table = scan_files.table(np.stack([rows, columns, height + 1], 1).astype(np.float32))
        paths.append(tmp_path / f"{index}.{'pcd' if index < 3 else 'ply'}")
        paths[-1].write_bytes((scan_files.pcd if index < 3 else scan_files.ply)(table, kind))
    config = musc2.Config(group_count=48, group_size=16)
    result = musc2.score(pcd=paths, encoder_3d="shape", config=config)
    assert result.scores.argmax() == 4
    assert [len(scores) for scores in result.point_scores] == [576] * 6


HEAD = (
    "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 2\nHEIGHT 1\nPOINTS 2\nDATA ascii\n"
)
BODY = "1 2 3\n4 5 6\n"
PLY = (
    "ply\nformat ascii 1.0\nelement vertex 2\n"
    "property float x\nproperty float y\nproperty float z\nend_header\n" + BODY
)


@pytest.mark.parametrize(
    ("ending", "old", "new", "message"),
    [
        ("pcd", "DATA ascii\n", "", "must begin with a header that ends with DATA, got none"),
        (
            "pcd",
            "FIELDS x y z",
            "FIELDS x y w",
            "must have the fields x, y and z, one number each, got x, y, w",
        ),
        ("pcd", "COUNT 1 1 1", "COUNT 1 1 2", "must have the fields x, y and z, one number each"),
        (
            "pcd",
            "SIZE 4 4 4",
            "SIZE 4 4",
            r"must have as many SIZE, TYPE and COUNT as FIELDS, got \[3, 2, 3\]",
        ),
        ("pcd", "TYPE F F F", "TYPE F F Q", "must have fields of TYPE and SIZE F4, .*, got 'Q4'"),
        ("pcd", "WIDTH 2", "WIDTH 3", "must have WIDTH x HEIGHT = POINTS above 0, got 3 x 1 and 2"),
        ("pcd", "WIDTH 2", "WIDTH -2", "must have whole numbers where its header counts, got '-2'"),
        ("pcd", "WIDTH 2", "WIDTH", "must have one WIDTH in its header, got 0"),
        (
            "pcd",
            "DATA ascii",
            "DATA base64",
            "must have DATA ascii, binary or binary_compressed, got 'base64'",
        ),
        (
            "pcd",
            "POINTS 2\nDATA ascii",
            "POINTS 2\nDATA binary",
            "must hold the 24 bytes that its header declares, got 12",
        ),
        ("pcd", "4 5 6\n", "4 5\n", "must hold the 11 bytes that its header declares, got 10"),
        ("pcd", "4 5 6\n", "     \n", "must hold 2 lines of numbers, got 1"),
        ("pcd", BODY, " " * 12, "must hold 2 lines of numbers, got none"),
        ("pcd", "4 5 6", "4 5 six", "must be readable, got ValueError"),
        ("ply", "ply\n", "plx\n", "must begin with ply and a format of ascii, .*, got 'plx'"),
        ("ply", "format ascii", "format utf8", "must begin with ply and a format of"),
        ("ply", "vertex 2", "vertex 0", "must have at least one vertex, got 0"),
        ("ply", "element vertex", "element face", "must have vertices, got none"),
        (
            "ply",
            "property float z",
            "property half z",
            "must have elements and .* known types, got 'property half z'",
        ),
        (
            "ply",
            "property float z",
            "property list uchar int z",
            "; lists can come after the vertices only",
        ),
        ("ply", "vertex 2", "vertex 999999999999", "must hold the 5999999999993 bytes"),
        ("ply", "vertex 2", "vertex 99999999999999999999", "must have whole numbers"),
        ("ply", "end_header\n", "", "must begin with a header that ends with end_header, got none"),
    ],
)
def test_errors_name_the_file_and_what_is_wrong(tmp_path, ending, old, new, message):
    text = PLY if ending == "ply" else HEAD + BODY
    path = tmp_path / f"a.{ending}"
    path.write_text(text)
    assert read(path).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=rf"score: pcd\[0\] \(.*a.{ending}\) .*{message}"):
        read(path)


def test_compressed_sizes_are_compared_before_anything_is_unpacked(tmp_path, points):
    whole = scan_files.pcd(scan_files.table(points), "binary_compressed")
    at = whole.index(b"compressed\n") + 11
    path = tmp_path / "a.pcd"
    for sizes, message in (
        ((10**9, 1), "must hold the 1000000000 bytes"),
        ((5, 2016), "must compress 2016 bytes into 5"),
        ((300, 2000), "must compress 2016 bytes into 300, got 2000 bytes"),
    ):
        path.write_bytes(whole[:at] + struct.pack("<II", *sizes) + whole[at + 8 :])
        with pytest.raises(InputError, match=message):
            read(path)
    path.write_bytes(whole[: at + 8] + b"\xff" + whole[at + 9 :])
    with pytest.raises(InputError, match="must hold whole compressed data"):
        read(path)
