"""All ops from four threads at once, while a fifth changes the number of kernel threads.

tests/sanitizers.sh runs the long form under ThreadSanitizer.
"""

import random
import threading
import time

import numpy as np
import op_calls
import pytest
import torch
from test_op_values import tensors

from musc2 import ops
from musc2.errors import MuscError
from musc2.ops._support.dispatch import set_num_threads

THREADS = 4


def random_calls(count):
    """Return ``count`` calls of each op: a function, and the tensors that it returns alone."""
    calls = []
    for number in range(count):
        for name, draw_call in op_calls.CALLS.items():
            draw = op_calls.Draw(np.random.default_rng(number), draw_kind(number))
            arrays, options = draw_call(draw)
            calls.append((name, arrays, options))
    return [(call, expected) for call in calls if (expected := outcome(call)) is not None]


def draw_kind(number):
    return op_calls.KINDS[number % len(op_calls.KINDS)]


def outcome(call):
    """Return the tensors of a call, None if it is refused."""
    name, arrays, options = call
    try:
        return tensors(getattr(ops, name)(**arrays, **options))
    except MuscError:
        return None


def attack(seconds, calls):
    """Return how often the threads made one of the calls, and the ops that gave other bits."""
    deadline, made, wrong = time.monotonic() + seconds, [], []

    def work(seed):
        rng, count = random.Random(seed), 0
        while time.monotonic() < deadline:
            call, expected = rng.choice(calls)
            if not all(map(torch.equal, expected, outcome(call) or [])):
                wrong.append(call[0])
            count += 1
        made.append(count)

    def change():
        rng = random.Random(THREADS)
        while time.monotonic() < deadline:
            set_num_threads(rng.choice((1, 2, 3, 5)))
            time.sleep(0.002)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(THREADS)]
    threads.append(threading.Thread(target=change))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    set_num_threads(None)
    assert len(made) == THREADS, "a thread ended by an exception"
    return sum(made), wrong


def test_all_ops_from_four_threads():
    count, wrong = attack(1, random_calls(2))
    assert count > 0
    assert wrong == []


@pytest.mark.long
def test_all_ops_from_four_threads_for_a_minute(record_property):
    count, wrong = attack(60, random_calls(len(op_calls.KINDS)))
    record_property("calls", count)
    assert wrong == []
