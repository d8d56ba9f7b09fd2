"""A scorer that runs for long does not grow."""

import banks
import pytest


def resident():
    with open("/proc/self/status") as status:
        [line] = [line for line in status if line.startswith("VmRSS")]
    return int(line.split()[1])


@pytest.mark.long
@pytest.mark.parametrize("bank_size", [None, 0.2])
def test_five_thousand_calls_take_no_more_memory(rng, bank_size):
    both = banks.inputs(rng, "2d", 8)
    scorer = banks.fit(banks.some(both, slice(0, 6)), bank_size=bank_size)
    new = banks.some(both, slice(6, 7))
    for _ in range(200):  # caches and the heap reach their size
        scorer.score(*new)
    before = resident()
    for _ in range(5000):
        scorer.score(*new)
    assert resident() <= 1.01 * before
