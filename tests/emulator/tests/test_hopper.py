"""The scalar twins of Hopper's instructions against the PTX documentation."""

import backends
import numpy as np
import pytest

emulated = pytest.importorskip("musc2._cuda_emulated")
KINDS = {"bfloat16": 1, "float16": 2, "int8": 3}


def position_d(thread, i):
    """ "Register fragments for wgmma, D of m64nNk16": the row and column of element i."""
    warp, lane = thread // 32, thread % 32
    row = 16 * warp + lane // 4 + 8 * (i // 2 % 2)
    return row, 8 * (i // 4) + lane % 4 * 2 + i % 2


def bits(values, kind):
    if kind == 3:
        return values.astype(np.int8)
    if kind == 2:
        return values.astype(np.float16).view(np.uint16)
    return (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def swizzled(matrix):
    """ "128B swizzle": bits 4 to 6 of an element's byte address are XORed with bits 7 to 9."""
    width = matrix.itemsize
    address = np.arange(matrix.size) * width
    stored = np.zeros(matrix.size, matrix.dtype)
    stored[(address ^ (address >> 7 & 7) << 4) // width] = matrix.ravel()
    return stored


def multiply(rng, kind, *, step=0, unwaited=False, shift=0):
    of_step = 32 if kind == KINDS["int8"] else 16
    largest = 127 if kind == KINDS["int8"] else 8
    left, right = (rng.integers(-largest, largest + 1, (rows, 4 * of_step)) for rows in (64, 256))
    sums = rng.integers(-8, 9, (128, 128)).astype(np.int32 if kind == KINDS["int8"] else np.float32)
    held = np.array([[position_d(thread, i) for i in range(128)] for thread in range(128)])
    rows, columns = held[..., 0], held[..., 1]
    channels = slice(of_step * step, of_step * (step + 1))
    expected = (left[:, channels] @ right[:, channels].T)[rows, columns] + sums
    packed = [swizzled(bits(side, kind)) for side in (left, right)]
    emulated.probe_warpgroup(
        kind, packed[0].ctypes.data, packed[1].ctypes.data, step, unwaited, shift, sums.ctypes.data
    )
    return sums, expected


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("step", [0, 1, 2, 3])
def test_threads_hold_what_the_documentation_tabulates(rng, kind, step):
    sums, expected = multiply(rng, kind, step=step)
    assert (sums == expected).all()


def test_every_sum_has_one_position():
    positions = {position_d(thread, i) for thread in range(128) for i in range(128)}
    assert positions == set(np.ndindex(64, 256))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_sums_are_there_when_waited_for_and_not_before(rng, kind):
    sums, _ = multiply(rng, kind, unwaited=True)
    assert np.isnan(sums.view(np.float32)).all()


def test_sums_of_integers_wrap_around(rng):
    left, right = np.full((64, 128), -128, np.int8), np.full((256, 128), -128, np.int8)
    sums = np.full((128, 128), 2**31 - 1, np.int32)
    packed = [swizzled(side) for side in (left, right)]
    emulated.probe_warpgroup(
        KINDS["int8"], packed[0].ctypes.data, packed[1].ctypes.data, 0, False, 0, sums.ctypes.data
    )
    assert (sums == -(2**31) - 1 + 32 * 128**2).all()


def test_rows_start_at_multiples_of_1024_bytes(rng):
    with pytest.raises(RuntimeError, match="uses an operand that is not aligned to 1024 bytes"):
        multiply(rng, 1, shift=128)


def copies(count, announced, apart=32):
    cells, seen = np.arange(1, 17, dtype=np.uint32), np.zeros((2, 16), np.uint32)
    emulated.probe_arrivals(count, announced, apart, cells.ctypes.data, seen.ctypes.data)
    return cells, seen


def test_bulk_copies_are_there_when_waited_for_and_not_before():
    cells, (before, after) = copies(2, 64)
    assert np.isnan(before.view(np.float32)).all()
    assert (after == cells).all()


@pytest.mark.parametrize(
    ("count", "announced", "apart", "error"),
    [
        (1, 64, 32, "thread . waits for a condition that never holds"),
        (2, 32, 32, "thread 0 copies more bytes than announced"),
        (2, 64, 16, "thread 0 copies to the target of a copy in flight"),
        (2, 64, 24, "thread 0 makes a bulk copy that is not aligned to 16 bytes"),
    ],
)
def test_mistakes_with_bulk_copies_are_found(count, announced, apart, error):
    with pytest.raises(RuntimeError, match=error):
        copies(count, announced, apart)


def copy_to_cluster(blocks, *, announced=None, all_arrive=True):
    cells = np.arange(1, 1 + 8 * blocks, dtype=np.uint32)
    seen = np.zeros((blocks, 8 * blocks), np.uint32)
    announced = 32 * blocks if announced is None else announced
    emulated.probe_cluster(blocks, announced, all_arrive, cells.ctypes.data, seen.ctypes.data)
    return cells, seen


@pytest.mark.parametrize("order", backends.ORDERS)
@pytest.mark.parametrize("blocks", [1, 2, 4, 8])
def test_every_block_gets_what_any_copies_to_all(order, blocks):
    emulated.set_order(order)
    try:
        cells, seen = copy_to_cluster(blocks)
    finally:
        emulated.set_order("forward")
    assert (seen == cells).all()


@pytest.mark.parametrize("announced", [32, 96])
def test_a_block_waits_for_what_all_others_copy(announced):
    with pytest.raises(
        RuntimeError,
        match=r"copies more bytes than announced|waits for a condition that never holds",
    ):
        copy_to_cluster(2, announced=announced)


def test_a_block_waits_for_the_arrivals_of_all_others():
    with pytest.raises(RuntimeError, match="waits for a condition that never holds"):
        copy_to_cluster(2, all_arrive=False)


@pytest.mark.parametrize("order", backends.ORDERS)
def test_groups_have_barriers_of_their_own(order):
    seen = np.zeros(128, np.uint32)
    emulated.set_order(order)
    try:
        emulated.probe_groups(64, seen.ctypes.data)
    finally:
        emulated.set_order("forward")
    thread = np.arange(128)
    assert (seen == thread // 64 * 64 + (thread + 1) % 64).all()


def test_a_group_waits_for_all_its_threads():
    with pytest.raises(
        RuntimeError, match=r"thread (6[4-9]|[7-9]\d) waits for a condition that never holds"
    ):
        emulated.probe_groups(32, np.zeros(128, np.uint32).ctypes.data)


def test_warpgroups_take_no_more_registers_than_others_give():
    emulated.probe_registers(False)
    with pytest.raises(RuntimeError, match="waits for a condition that never holds"):
        emulated.probe_registers(True)
