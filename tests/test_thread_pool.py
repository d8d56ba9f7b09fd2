"""The kernels' threads: callers share them, each slot has one thread at a time, errors come out."""

import threading

import numpy as np
import pytest

emulated = pytest.importorskip("musc2._cuda_emulated")


def workers_of_items(count, threads, microseconds, failing=-1):
    """Return which worker took each item of a call whose items take so long."""
    workers = np.full(count, -1, np.int32)
    emulated.workers_of_items(count, threads, microseconds, failing, workers.ctypes.data)
    return workers


def concurrently(count, *arguments):
    """Return what several callers got at the same time."""
    results = [None] * count
    barrier = threading.Barrier(count)

    def call(index):
        barrier.wait()
        results[index] = workers_of_items(*arguments)

    callers = [threading.Thread(target=call, args=(index,)) for index in range(count)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    return results


def test_a_call_has_all_threads_to_itself():
    workers = workers_of_items(200, 4, 500)
    assert set(workers.tolist()) == {0, 1, 2, 3}


def test_two_callers_share_the_threads():
    results = concurrently(2, 300, 4, 1000)
    for workers in results:
        helped = (workers > 0).mean()
        assert 0.2 < helped < 0.8  # one and a half helpers beside the caller: 0.6
        assert workers.max() <= 3


def test_every_item_is_taken_once_by_many_callers():
    for workers in concurrently(8, 150, 3, 20):
        assert workers.min() >= 0
        assert workers.max() <= 2


def test_helpers_of_a_finished_call_go_to_the_others():
    long_one = [None]

    def call():
        long_one[0] = workers_of_items(400, 3, 1000)

    caller = threading.Thread(target=call)
    caller.start()
    for _ in range(20):
        workers_of_items(8, 3, 100)
    caller.join(60)
    assert (long_one[0] > 0).mean() > 0.3


def test_one_item_or_thread_stays_with_the_caller():
    assert workers_of_items(1, 4, 0).tolist() == [0]
    assert set(workers_of_items(20, 1, 0).tolist()) == {0}
    assert workers_of_items(0, 4, 0).size == 0


def test_an_error_ends_its_own_call_alone():
    errors = []

    def fail():
        try:
            workers_of_items(300, 3, 100, failing=40)
        except RuntimeError as error:
            errors.append(str(error))

    failing = threading.Thread(target=fail)
    failing.start()
    workers = workers_of_items(300, 3, 200)
    failing.join(60)
    assert errors == ["this item fails"]
    assert workers.min() >= 0
    assert workers_of_items(20, 3, 100).min() >= 0
