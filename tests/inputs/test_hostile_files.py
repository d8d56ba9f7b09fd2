"""Damaged files of every kind are named, refused at once, and cost little memory."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
import scan_files
import tifffile
from PIL import Image

from musc2 import inputs
from musc2.errors import InputError

ROUNDS = 120
MOST = 8 << 20  # bytes that a damaged file of a few kilobytes may cost


def saved(write, *arguments, **options):
    file = io.BytesIO()
    write(file, *arguments, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def whole():
    """Return a small sound file of every kind: its name and bytes."""
    points = np.round(np.random.default_rng(1).normal(size=(40, 3)), 2).astype(np.float32)
    table, xyz = scan_files.table(points), points.reshape(5, 8, 3)
    return {
        **{f"{kind}.pcd": scan_files.pcd(table, kind) for kind in scan_files.PCD_KINDS},
        **{f"{kind}.ply": scan_files.ply(table, kind) for kind in scan_files.PLY_KINDS},
        "plain.npy": saved(np.save, xyz),
        "plain.npz": saved(np.savez, xyz),
        "deflated.npz": saved(np.savez_compressed, xyz),
        "plain.tiff": saved(tifffile.imwrite, xyz, photometric="rgb"),
        "deflated.tiff": saved(tifffile.imwrite, xyz, photometric="rgb", compression="zlib"),
        "depth.png": saved(
            Image.fromarray((points[:, 0] + 9).astype(np.uint16).reshape(5, 8)).save, format="png"
        ),
    }


NAMES = [
    *(f"{kind}.pcd" for kind in scan_files.PCD_KINDS),
    *(f"{kind}.ply" for kind in scan_files.PLY_KINDS),
    "plain.npy", "plain.npz", "deflated.npz", "plain.tiff", "deflated.tiff", "depth.png",
]  # fmt: skip


def read(path):
    """Return whether a file could be read; check that errors name it and that memory is bounded."""
    camera = (5, 5, 4, 2) if path.suffix == ".png" else None
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        inputs.list_clouds([path], camera)[0].read()
        refusal = None
    except InputError as error:
        refusal = str(error)
    assert tracemalloc.get_traced_memory()[1] - before < MOST
    assert refusal is None or path.name in refusal
    return refusal is None


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("name", NAMES)
def test_damaged_files_are_read_or_refused(whole, tmp_path, name):
    assert set(whole) == set(NAMES)
    rng, path = np.random.default_rng(NAMES.index(name)), tmp_path / name
    path.write_bytes(whole[name])
    assert read(path)
    for number in range(ROUNDS):
        damaged = bytearray(whole[name])
        if number % 3 == 0:
            del damaged[rng.integers(len(damaged)) :]
        for position in (
            rng.integers(len(damaged), size=number % 3 * rng.integers(1, 5)) if damaged else ()
        ):
            damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        read(path)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("name", NAMES)
def test_half_a_file_is_refused(whole, tmp_path, name):
    path = tmp_path / name
    for length in (0, 1, 20, len(whole[name]) // 2):
        path.write_bytes(whole[name][:length])
        assert not read(path)


@pytest.mark.usefixtures("traced")
def test_numbers_in_headers_of_text_may_be_absurd(whole, tmp_path):
    for name in (name for name in NAMES if name.endswith(("pcd", "ply"))):
        head, *_ = whole[name].partition(b"DATA" if name.endswith("pcd") else b"end_header")
        for number in (b"0", b"-1", b"4294967296", b"9" * 18, b"9" * 4000, b"1e9", b"nan", b"\xff"):
            for at in [
                at
                for at in range(len(head))
                if head[at - 1 : at] == b" " and head[at : at + 1].isdigit()
            ]:
                end = at + len(head[at:]) - len(head[at:].lstrip(b"0123456789"))
                (tmp_path / name).write_bytes(
                    head[:at] + number + head[end:] + whole[name][len(head) :]
                )
                read(tmp_path / name)


@pytest.mark.usefixtures("traced")
def test_shapes_that_no_file_could_hold_are_refused(tmp_path):
    for shape in ((1 << 40, 3), (1 << 62, 3), (-5, 3), (1 << 20, 1 << 20, 3)):
        head = saved(
            np.lib.format.write_array_header_1_0,
            {"shape": shape, "fortran_order": False, "descr": "<f4"},
        )
        (tmp_path / "a.npy").write_bytes(head + bytes(96))
        assert not read(tmp_path / "a.npy")
        with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.npy", head + bytes(96))
        assert not read(tmp_path / "a.npz")


@pytest.mark.usefixtures("traced")
def test_archives_that_claim_more_than_can_be_packed_are_refused(tmp_path):
    claimed = 1 << 30
    head = saved(
        np.lib.format.write_array_header_1_0,
        {"shape": (1 << 27,), "fortran_order": False, "descr": "<f4"},
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", head + bytes(96))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, claimed)
    (tmp_path / "a.npz").write_bytes(data)
    assert not read(tmp_path / "a.npz")


@pytest.mark.usefixtures("traced")
def test_tiffs_that_claim_a_large_image_are_refused(whole, tmp_path):
    for name in ("plain.tiff", "deflated.tiff"):
        for side in (256, 257):  # width and height
            data = bytearray(whole[name])
            tags = struct.unpack_from("<I", data, 4)[0] + 2
            entries = [
                tags + 12 * number for number in range(struct.unpack_from("<H", data, tags - 2)[0])
            ]
            [entry] = [
                entry for entry in entries if struct.unpack_from("<H", data, entry)[0] == side
            ]
            struct.pack_into("<HII", data, entry + 2, 4, 1, 1 << 27)
            (tmp_path / name).write_bytes(data)
            assert not read(tmp_path / name)


@pytest.mark.usefixtures("traced")
def test_parts_of_files_that_claim_to_be_long_cost_nothing(whole, tmp_path):
    picture = bytearray(whole["depth.png"])
    struct.pack_into(">I", picture, picture.index(b"IDAT") - 4, 1 << 30)
    (tmp_path / "depth.png").write_bytes(picture)
    read(tmp_path / "depth.png")
    scan = bytearray(whole["deflated.tiff"])
    struct.pack_into(
        "<II", scan, scan.index(struct.pack("<HH", 279, 4)) + 4, 1, 1 << 30
    )  # bytes of a strip
    (tmp_path / "a.tiff").write_bytes(scan)
    read(tmp_path / "a.tiff")


def test_objects_are_not_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}, {}]), allow_pickle=True)
    assert not read(tmp_path / "a.npy")
