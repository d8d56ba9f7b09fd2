"""The scalar twins of matrix instructions, ldmatrix and asynchronous copies against the PTX documentation."""

import numpy as np
import pytest

emulated = pytest.importorskip("musc2._cuda_emulated")
LANES = np.arange(32)


# The tables of "Matrix Fragments for mma": the row and column of element i of each lane. groupID and threadID_in_group
# are named as there.
def place_a_16(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    row = group_id if 0 <= i < 2 or 4 <= i < 6 else group_id + 8
    return row, thread_id_in_group * 2 + (i & 1) + (0 if i < 4 else 8)


def place_b_16(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    return thread_id_in_group * 2 + (i & 1) + (0 if i < 2 else 8), group_id


def place_a_tf32(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    return group_id if i in (0, 2) else group_id + 8, thread_id_in_group if i in (0, 1) else thread_id_in_group + 4


def place_b_tf32(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    return thread_id_in_group if i == 0 else thread_id_in_group + 4, group_id


def place_c(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    return group_id if i < 2 else group_id + 8, thread_id_in_group * 2 + (i & 1)


def bits_bfloat16(values):
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def bits_float16(values):
    return values.astype(np.float16).view(np.uint16)


# kind: (number, channels, elements of a and of b per lane, their places, values to bits)
KINDS = {
    "tf32": (0, 8, 4, 2, place_a_tf32, place_b_tf32, lambda values: values.astype(np.float32).view(np.uint32)),
    "bfloat16": (1, 16, 8, 4, place_a_16, place_b_16, bits_bfloat16),
    "float16": (2, 16, 8, 4, place_a_16, place_b_16, bits_float16),
}


def dealt(matrix, place, count):
    """The elements of a matrix that the lanes hold, as 4-byte registers."""
    held = np.array([[matrix[place(lane, i)] for i in range(count)] for lane in LANES])
    return np.ascontiguousarray(held).view(np.uint32)


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_hold_what_the_documentation_tabulates(rng, kind):
    number, channels, of_a, of_b, place_a, place_b, bits = KINDS[kind]
    a, b, c = (rng.integers(-8, 9, shape).astype(np.float32) for shape in ((16, channels), (channels, 8), (16, 8)))
    left, right = dealt(bits(a), place_a, of_a), dealt(bits(b), place_b, of_b)
    assert left.shape == (32, 4)
    assert right.shape == (32, 2)
    sums = np.array([[c[place_c(lane, i)] for i in range(4)] for lane in LANES])
    emulated.probe_multiply(number, left.ctypes.data, right.ctypes.data, sums.ctypes.data)
    expected = a @ b + c
    assert sums.tolist() == [[expected[place_c(lane, i)] for i in range(4)] for lane in LANES]


def test_every_element_has_one_place():
    for place, count, shape in (
        (place_a_16, 8, (16, 16)), (place_b_16, 4, (16, 8)), (place_a_tf32, 4, (16, 8)), (place_b_tf32, 2, (8, 8)),
        (place_c, 4, (16, 8)),
    ):  # fmt: skip
        assert {place(lane, i) for lane in LANES for i in range(count)} == set(np.ndindex(shape))


def test_ldmatrix_gives_each_lane_the_cells_that_a_product_wants():
    matrices = np.arange(4 * 8 * 4, dtype=np.uint32).reshape(4, 8, 4)  # 4-byte cells, two 16-bit elements each
    cells = np.zeros((32, 4), np.uint32)
    emulated.probe_load_matrices(matrices.ctypes.data, cells.ctypes.data)
    # "ldmatrix": of an 8x8 matrix of 16-bit elements, lane l holds elements 2 (l % 4) and 2 (l % 4) + 1 of row l / 4.
    assert cells.tolist() == [[int(matrix[lane // 4, lane % 4]) for matrix in matrices] for lane in LANES]
    # Rows 0-7, rows 8-15, then the second chunk of both are an operand: tf32 elements are cells.
    left = np.block([[matrices[0], matrices[2]], [matrices[1], matrices[3]]])
    assert cells.tolist() == [[int(left[place_a_tf32(lane, i)]) for i in range(4)] for lane in LANES]
    # So are both chunks of 8 rows, which are the columns of the right operand.
    right = np.block([matrices[0], matrices[1]]).T
    assert cells[:, :2].tolist() == [[int(right[place_b_tf32(lane, i)]) for i in range(2)] for lane in LANES]


@pytest.mark.parametrize("last", [0, 1, 2])
def test_copies_land_when_waited_for_and_not_before(last):
    cells = np.arange(1, 32 * 3 * 4 + 1, dtype=np.uint32).reshape(32, 3, 4)
    seen = np.zeros_like(cells)
    emulated.probe_copies(last, cells.ctypes.data, seen.ctypes.data)
    cells[:, 2] = 0  # the third copy fills with zeros
    landed = 3 - last
    assert (seen[:, :landed] == cells[:, :landed]).all()
    assert np.isnan(seen[:, landed:].view(np.float32)).all()


def test_tf32_ignores_the_bits_that_it_does_not_have():
    a, b, sums = np.zeros((32, 4), np.float32), np.zeros((32, 2), np.float32), np.zeros((32, 4), np.float32)
    a[0, 0], b[0, 0] = 1 + 2**-10 + 2**-11, 3
    emulated.probe_multiply(0, a.ctypes.data, b.ctypes.data, sums.ctypes.data)
    assert sums[0, 0] == (1 + 2**-10) * 3


def test_copying_twice_to_one_place_is_an_error():
    cells = np.zeros(4, np.uint32)
    with pytest.raises(RuntimeError, match="thread 0 copies to where a copy is under way"):
        emulated.probe_copying_twice(cells.ctypes.data)
