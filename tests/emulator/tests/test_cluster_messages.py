"""The scalar twin of the messages between the blocks of a cluster."""

import backends
import numpy as np
import pytest

emulated = pytest.importorskip("musc2._cuda_emulated")


def messages(blocks, *, announced=None, same_place=False):
    """Return what the blocks see before and after they wait for a message from each."""
    seen = np.zeros((blocks, 2, blocks, 4), np.float32)
    announced = 16 * blocks if announced is None else announced
    emulated.probe_messages(blocks, announced, same_place, seen.ctypes.data)
    return seen[:, 0], seen[:, 1]


@pytest.mark.parametrize("order", backends.ORDERS)
@pytest.mark.parametrize("blocks", [1, 2, 8])
def test_messages_are_there_when_waited_for_and_not_before(order, blocks):
    emulated.set_order(order)
    try:
        before, after = messages(blocks)
    finally:
        emulated.set_order("forward")
    assert np.isnan(before).all()
    assert (after == np.arange(blocks)[:, None]).all()


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"announced": 48}, "waits for a condition that never holds"),
        ({"announced": 16}, "copies more bytes than announced"),
        ({"same_place": True}, "copies to the target of a copy in flight"),
    ],
)
def test_mistakes_with_messages_are_found(changes, error):
    with pytest.raises(RuntimeError, match=error):
        messages(2, **changes)
