"""Write pcd and ply files of all kinds as bytes, in the plainest way."""

import struct

import numpy as np

PCD_KINDS = ["ascii", "binary", "binary_compressed"]
PLY_KINDS = ["ascii", "binary_little_endian", "binary_big_endian"]
PCD_TYPES = {"f": "F", "i": "I", "u": "U"}
PLY_TYPES = {
    "f4": "float",
    "f8": "double",
    "i2": "short",
    "u1": "uchar",
    "i4": "int32",
    "u4": "uint32",
}


def table(points, before=("f4",), after=("u1", "u4")):
    """points: (P, 3) -> records a0.., x, y, z, b0.., whose other columns hold distinct values."""
    kinds = [(f"a{i}", kind) for i, kind in enumerate(before)] + [
        (axis, points.dtype) for axis in "xyz"
    ]
    rows = np.zeros(len(points), [*kinds, *[(f"b{i}", kind) for i, kind in enumerate(after)]])
    for number, name in enumerate(rows.dtype.names):
        rows[name] = points[:, "xyz".index(name)] if name in "xyz" else 60 + number
    return rows


def lines(rows):
    return "".join(" ".join(str(value) for value in row.tolist()) + "\n" for row in rows).encode()


def pcd(rows, kind, size=None):
    """Return a pcd file of ``rows``, a structured array; size: (H, W)."""
    height, width = size or (1, len(rows))
    kinds = [rows.dtype[name] for name in rows.dtype.names]
    head = (
        f"# .PCD v0.7\nVERSION 0.7\nFIELDS {' '.join(rows.dtype.names)}\n"
        f"SIZE {' '.join(str(dtype.itemsize) for dtype in kinds)}\n"
        f"TYPE {' '.join(PCD_TYPES[dtype.kind] for dtype in kinds)}\n"
        f"COUNT {' '.join('1' for _ in kinds)}\n"
        f"WIDTH {width}\nHEIGHT {height}\nVIEWPOINT 0 0 0 1 0 0 0\n"
        f"POINTS {len(rows)}\nDATA {kind}\n"
    ).encode()
    if kind == "ascii":
        return head + lines(rows)
    if kind == "binary":
        return head + rows.tobytes()
    columns = b"".join(rows[name].tobytes() for name in rows.dtype.names)
    packed = compressed(columns)
    return head + struct.pack("<II", len(packed), len(columns)) + packed


def compressed(data):
    """Compress by LZF, with the latest position of each 3 bytes."""
    packed, literals, positions, position = bytearray(), bytearray(), {}, 0

    def put_literals():
        for start in range(0, len(literals), 32):
            packed.append(len(literals[start : start + 32]) - 1)
            packed.extend(literals[start : start + 32])
        literals.clear()

    while position < len(data):
        key = data[position : position + 3]
        start, positions[key] = positions.get(key, -1), position
        if len(key) < 3 or start < 0 or position - start > 8192:
            literals.append(data[position])
            position += 1
            continue
        length = 3
        most = min(264, len(data) - position)
        while length < most and data[start + length] == data[position + length]:
            length += 1
        put_literals()
        back = position - start - 1
        packed.append(min(length - 2, 7) << 5 | back >> 8)
        if length >= 9:
            packed.append(length - 9)
        packed.append(back & 255)
        position += length
    put_literals()
    return bytes(packed)


def ply(rows, kind, before=b"", before_head="", ending="\n"):
    """Return a ply file of ``rows``, a structured array, and a face.

    before: the records of another element before the vertices, which before_head declares.
    """
    order = ">" if "big" in kind else "<"
    properties = "".join(
        f"property {PLY_TYPES[rows.dtype[name].str[1:]]} {name}\n" for name in rows.dtype.names
    )
    head = (
        f"ply\nformat {kind} 1.0\ncomment by hand\n"
        f"{before_head}element vertex {len(rows)}\n{properties}"
        f"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    ).replace("\n", ending)
    if kind == "ascii":
        return head.encode() + before + lines(rows) + b"3 0 1 2\n"
    face = struct.pack(order + "Biii", 3, 0, 1, 2)
    return head.encode() + before + rows.astype(rows.dtype.newbyteorder(order)).tobytes() + face
