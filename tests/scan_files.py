"""Files of points in all their kinds, written the plain way: bytes of pcd and ply."""

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
    """points: (P, 3) -> rows of fields a0.., x, y, z, b0.. whose values tell the columns apart."""
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
    """rows: a structured array; size: (H, W)."""
    height, width = size or (1, len(rows))
    kinds = [rows.dtype[name] for name in rows.dtype.names]
    head = (
        f"# .PCD v0.7\nVERSION 0.7\nFIELDS {' '.join(rows.dtype.names)}\n"
        f"SIZE {' '.join(str(one.itemsize) for one in kinds)}\nTYPE {' '.join(PCD_TYPES[one.kind] for one in kinds)}\n"
        f"COUNT {' '.join('1' for _ in kinds)}\nWIDTH {width}\nHEIGHT {height}\nVIEWPOINT 0 0 0 1 0 0 0\n"
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
    """LZF by the first match of 3 bytes that it remembers."""
    found, plain, seen, at = bytearray(), bytearray(), {}, 0

    def put_plain():
        for start in range(0, len(plain), 32):
            found.append(len(plain[start : start + 32]) - 1)
            found.extend(plain[start : start + 32])
        plain.clear()

    while at < len(data):
        key = data[at : at + 3]
        start, seen[key] = seen.get(key, -1), at
        if len(key) < 3 or start < 0 or at - start > 8192:
            plain.append(data[at])
            at += 1
            continue
        length = 3
        while (
            length < 264 and at + length < len(data) and data[start + length] == data[at + length]
        ):
            length += 1
        put_plain()
        back = at - start - 1
        found.append(min(length - 2, 7) << 5 | back >> 8)
        if length >= 9:
            found.append(length - 9)
        found.append(back & 255)
        at += length
    put_plain()
    return bytes(found)


def ply(rows, kind, before=b"", before_head="", ending="\n"):
    """rows: a structured array, followed by a face; ``before`` is another element in front of the vertices."""
    order = ">" if "big" in kind else "<"
    properties = "".join(
        f"property {PLY_TYPES[rows.dtype[name].str[1:]]} {name}\n" for name in rows.dtype.names
    )
    head = (
        f"ply\nformat {kind} 1.0\ncomment by hand\n{before_head}element vertex {len(rows)}\n{properties}"
        f"element face 1\nproperty list uchar int vertex_indices\nend_header\n"
    ).replace("\n", ending)
    if kind == "ascii":
        return head.encode() + before + lines(rows) + b"3 0 1 2\n"
    face = struct.pack(order + "Biii", 3, 0, 1, 2)
    return head.encode() + before + rows.astype(rows.dtype.newbyteorder(order)).tobytes() + face
