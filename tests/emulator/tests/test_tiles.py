"""The scalar twins of mma, ldmatrix and cp.async against the PTX documentation."""

import numpy as np
import pytest

emulated = pytest.importorskip("musc2._cuda_emulated")
LANES = np.arange(32)


# The tables of "Matrix Fragments for mma": the row and column of element i of each lane. groupID
# and threadID_in_group have the names of the documentation.
def position_a_16(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    row = group_id if 0 <= i < 2 or 4 <= i < 6 else group_id + 8
    return row, thread_id_in_group * 2 + (i & 1) + (0 if i < 4 else 8)


def position_b_16(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    return thread_id_in_group * 2 + (i & 1) + (0 if i < 2 else 8), group_id


def position_a_tf32(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    row = group_id if i in (0, 2) else group_id + 8
    return row, thread_id_in_group if i in (0, 1) else thread_id_in_group + 4


def position_b_tf32(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    return thread_id_in_group if i == 0 else thread_id_in_group + 4, group_id


def position_c(lane, i):
    group_id, thread_id_in_group = lane >> 2, lane % 4
    return group_id if i < 2 else group_id + 8, thread_id_in_group * 2 + (i & 1)


def bits_float32(values):
    return values.astype(np.float32).view(np.uint32)


def bits_bfloat16(values):
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def bits_float16(values):
    return values.astype(np.float16).view(np.uint16)


# kind: (number, channels, elements of a and of b per lane, their positions, values to bits)
KINDS = {
    "tf32": (0, 8, 4, 2, position_a_tf32, position_b_tf32, bits_float32),
    "bfloat16": (1, 16, 8, 4, position_a_16, position_b_16, bits_bfloat16),
    "float16": (2, 16, 8, 4, position_a_16, position_b_16, bits_float16),
}


def dealt(matrix, position, count):
    """The elements of a matrix that the lanes hold, as 4-byte registers."""
    held = np.array([[matrix[position(lane, i)] for i in range(count)] for lane in LANES])
    return np.ascontiguousarray(held).view(np.uint32)


@pytest.mark.parametrize("kind", KINDS)
def test_lanes_hold_what_the_documentation_tabulates(rng, kind):
    number, channels, of_a, of_b, position_a, position_b, bits = KINDS[kind]
    a, b, c = (
        rng.integers(-8, 9, shape).astype(np.float32)
        for shape in ((16, channels), (channels, 8), (16, 8))
    )
    left, right = dealt(bits(a), position_a, of_a), dealt(bits(b), position_b, of_b)
    assert left.shape == (32, 4)
    assert right.shape == (32, 2)
    sums = np.array([[c[position_c(lane, i)] for i in range(4)] for lane in LANES])
    emulated.probe_multiply(number, left.ctypes.data, right.ctypes.data, sums.ctypes.data)
    expected = a @ b + c
    assert sums.tolist() == [[expected[position_c(lane, i)] for i in range(4)] for lane in LANES]


def test_every_element_has_one_position():
    for position, count, shape in (
        (position_a_16, 8, (16, 16)),
        (position_b_16, 4, (16, 8)),
        (position_a_tf32, 4, (16, 8)),
        (position_b_tf32, 2, (8, 8)),
        (position_c, 4, (16, 8)),
    ):
        assert {position(lane, i) for lane in LANES for i in range(count)} == set(np.ndindex(shape))


def test_ldmatrix_gives_each_lane_the_cells_that_a_product_wants():
    # 4-byte cells of two 16-bit elements each.
    matrices = np.arange(4 * 8 * 4, dtype=np.uint32).reshape(4, 8, 4)
    cells = np.zeros((32, 4), np.uint32)
    emulated.probe_load_matrices(matrices.ctypes.data, cells.ctypes.data)
    # "ldmatrix": of an 8x8 matrix of 16-bit elements, lane l holds elements 2 (l % 4) and
    # 2 (l % 4) + 1 of row l / 4.
    assert cells.tolist() == [
        [int(matrix[lane // 4, lane % 4]) for matrix in matrices] for lane in LANES
    ]
    # Rows 0-7, rows 8-15, then the second chunk of both are an operand: tf32 elements are cells.
    left = np.block([[matrices[0], matrices[2]], [matrices[1], matrices[3]]])
    assert cells.tolist() == [
        [int(left[position_a_tf32(lane, i)]) for i in range(4)] for lane in LANES
    ]
    # So are both chunks of 8 rows, which are the columns of the right operand.
    right = np.block([matrices[0], matrices[1]]).T
    assert cells[:, :2].tolist() == [
        [int(right[position_b_tf32(lane, i)]) for i in range(2)] for lane in LANES
    ]


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
    a, b, sums = (
        np.zeros((32, 4), np.float32),
        np.zeros((32, 2), np.float32),
        np.zeros((32, 4), np.float32),
    )
    a[0, 0], b[0, 0] = 1 + 2**-10 + 2**-11, 3
    emulated.probe_multiply(0, a.ctypes.data, b.ctypes.data, sums.ctypes.data)
    assert sums[0, 0] == (1 + 2**-10) * 3


def test_copying_twice_to_one_target_is_an_error():
    cells = np.zeros(4, np.uint32)
    with pytest.raises(RuntimeError, match="thread 0 copies to the target of a copy in flight"):
        emulated.probe_copying_twice(cells.ctypes.data)
