"""Meshes become points on their surface, as dense everywhere, the same each time."""

import contextlib
import struct
import tracemalloc

import numpy as np
import pytest

from musc2 import inputs, score
from musc2.errors import InputError

# A roof: a square of 2 x 2 and, along its side x = 2, a triangle of half its area that stands up.
VERTICES = [(0, 0, 0), (2, 0, 0), (2, 2, 0), (0, 2, 0), (2, 1, 2)]
FACES = [(0, 1, 2, 3), (1, 2, 4)]
TRIANGLES = [(0, 1, 2), (0, 2, 3), (1, 2, 4)]


def text(rows):
    return "".join(" ".join(map(str, row)) + "\n" for row in rows)


def obj(faces=FACES, form="{0}"):
    lines = [("v", *vertex, 0.5, 0.5, 0.5) for vertex in VERTICES]
    lines += [("f", *(form.format(i + 1, i - 5) for i in face)) for face in faces]
    return "# by hand\no roof\n" + text(lines)


def off(head="OFF\n5 2 0\n"):
    return head + text(VERTICES) + text((len(face), *face) for face in FACES)


def stl_text():
    lines = ["solid roof"]
    for triangle in TRIANGLES:
        lines += ["facet normal 0 0 1", "outer loop"]
        lines += ["vertex " + " ".join(map(str, VERTICES[i])) for i in triangle]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid roof\n"])


def stl_binary(head=b"made by hand", count=None):
    data = head.ljust(80) + struct.pack("<I", len(TRIANGLES) if count is None else count)
    for triangle in TRIANGLES:
        corners = [value for i in triangle for value in VERTICES[i]]
        data += struct.pack("<3f9fH", 0, 0, 1, *corners, 0)
    return data


def ply(kind, faces=FACES, extra=False, count=None):
    order = ">" if "big" in kind else "<"
    head = f"ply\nformat {kind} 1.0\nelement vertex 5\n"
    head += "".join(f"property float {axis}\n" for axis in "xyz")
    head += f"element face {len(faces) if count is None else count}\n"
    head += "property uchar red\n" if extra else ""
    head += "property list uchar int vertex_indices\n"
    head += "property list uchar float texcoord\n" if extra else ""
    head += "end_header\n"
    if kind == "ascii":
        rows = [(*(9,) * extra, len(face), *face, *(2, 0.5, 1.5) * extra) for face in faces]
        return (head + text(VERTICES) + text(rows)).encode()
    body = b"".join(struct.pack(f"{order}3f", *vertex) for vertex in VERTICES)
    for face in faces:
        body += b"\x09" * extra + struct.pack(f"{order}B{len(face)}i", len(face), *face)
        body += struct.pack(f"{order}Bff", 2, 0.5, 1.5) * extra
    return head.encode() + body


MESHES = {
    "a.obj": obj(),
    "slashes.obj": obj(form="{0}/7/2"),
    "no_texture.obj": obj(form="{0}//2"),
    "backwards.obj": obj(form="{1}"),
    "a.off": off(),
    "one_line.OFF": off("OFF 5 2 0\n# by hand\n\n"),
    "colors.off": off("COFF\n5 2 0\n"),
    "text.stl": stl_text(),
    "binary.stl": stl_binary(),
    "solid.stl": stl_binary(b"solid by name only"),
    "ascii.ply": ply("ascii"),
    "little.ply": ply("binary_little_endian"),
    "big.ply": ply("binary_big_endian"),
    "triangles.ply": ply("binary_little_endian", TRIANGLES),
    "extra.ply": ply("ascii", extra=True),
    "extra_big.ply": ply("binary_big_endian", extra=True),
}


def written(path, content):
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path):
    return inputs.list_clouds([path])[0].read()


@pytest.mark.parametrize("name", MESHES)
def test_points_lie_on_the_faces_as_dense_on_each(tmp_path, name):
    path = written(tmp_path / name, MESHES[name])
    points = read(path)
    assert points.shape == (50_000, 3)
    np.testing.assert_array_equal(points, read(path))
    x, y, z = points.T
    on_square = (z == 0) & (x >= 0) & (x <= 2) & (y >= 0) & (y <= 2)
    on_triangle = (np.abs(x - 2) < 1e-6) & (np.abs(y - 1) <= 1 - z / 2 + 1e-6)
    assert (on_square | on_triangle).all()
    square = points[~on_triangle]
    assert len(square) / len(points) == pytest.approx(2 / 3, abs=0.001)
    counts = np.histogram2d(square[:, 0], square[:, 1], bins=10, range=[[0, 2], [0, 2]])[0]
    assert counts.min() > 0.9 * counts.mean()


def test_files_without_faces_and_dense_scans_keep_their_vertices(tmp_path):
    vertices = text(("v", *vertex) for vertex in VERTICES)
    np.testing.assert_array_equal(read(written(tmp_path / "a.obj", vertices)), VERTICES)
    path = written(tmp_path / "a.off", "OFF\n5 0 0\n" + text(VERTICES))
    np.testing.assert_array_equal(read(path), VERTICES)
    stray = written(tmp_path / "a.ply", ply("ascii", FACES[:1]))
    np.testing.assert_array_equal(read(stray), VERTICES)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.obj", "", "must have at least one vertex, got 0"),
        ("a.obj", obj([(0, 1, 9)]), "must have faces of its 5 vertices, got vertex 9"),
        ("a.obj", obj([(0, 1)]), "must have faces of at least 3 vertices, got 2"),
        ("a.obj", obj([(0, 1, 1)]), "must have a surface, got 1 triangles without area"),
        ("a.obj", obj(form="x{0}"), "must have whole numbers for the vertices of its faces"),
        ("a.obj", obj(form="{0}" + "9" * 30), "must have whole numbers for the vertices"),
        ("a.obj", "v 1 2\n", "must be readable"),
        ("a.off", "", "must begin with OFF, got b''"),
        ("a.off", "OFF", "must declare the numbers of its vertices and faces"),
        ("a.off", off("OFF\n-5 2 0\n"), "must have whole numbers where its header counts"),
        ("a.off", off("OFF\n99999999999 2 0\n"), "must hold the 99999999999 vertices and 2 faces"),
        ("a.off", off().replace("4 0 1", "9 0 1"), "must have faces with all their vertices"),
        ("a.stl", "", "must begin with 84 bytes or the word solid, got 0 bytes"),
        ("a.stl", "solid", "must have at least one vertex, got 0"),
        ("a.stl", stl_text().replace("vertex 0 0 0", ""), "must have three vertices a triangle"),
        ("a.stl", stl_binary(count=4_000_000_000), "must hold the 200000000000 bytes"),
        ("a.stl", stl_binary(count=0)[:84], "must have at least one vertex, got 0"),
        ("a.ply", ply("ascii", count=10**12), "must hold the 2000000000000 bytes"),
        ("a.ply", ply("ascii")[:-6], "must hold 2 whole faces, got fewer"),
        ("a.ply", ply("binary_little_endian")[:-2], "must hold the 12 bytes .* declares, got 10"),
        ("a.ply", ply("ascii", [(0, 1, 7)] * 2), "must have faces of its 5 vertices, got vertex 7"),
    ],
)
def test_errors_say_what_is_wrong(tmp_path, name, content, message):
    with pytest.raises(InputError, match=rf"score: pcd\[0\] \(.*{name}\) {message}"):
        read(written(tmp_path / name, content))


DAMAGED = ["a.obj", "a.off", "text.stl", "binary.stl", "ascii.ply", "big.ply"]


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_meshes_are_read_or_refused_and_cost_little(tmp_path, name, rng):
    content = MESHES[name]
    whole = content.encode() if isinstance(content, str) else content
    path = tmp_path / name
    tracemalloc.start()
    for number in range(60):
        damaged = bytearray(whole[: rng.integers(len(whole))] if number % 3 == 0 else whole)
        for position in rng.integers(len(damaged), size=number % 4) if damaged else ():
            damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        tracemalloc.reset_peak()
        with contextlib.suppress(InputError):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()


def test_meshes_are_scored(tmp_path, rng):
    paths = []
    for part in range(4):
        vertices = np.concatenate([rng.normal(0, 0.001, (5, 3)) + VERTICES])
        if part == 2:
            vertices[4, 0] = 1
        lines = [("v", *vertex) for vertex in vertices.tolist()]
        lines += [("f", *(i + 1 for i in face)) for face in FACES]
        paths.append(written(tmp_path / f"{part}.obj", text(lines)))
    result = score(pcd=paths, encoder_3d="shape")
    assert int(result.scores.argmax()) == 2
