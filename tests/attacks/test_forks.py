"""Forks while other threads score: a child goes on, or says why it cannot; it never waits."""

import os
import re
import signal
import threading
import time
from pathlib import Path

import numpy as np
import parts
import pytest
import torch
from test_processes import run

import musc2
from musc2 import Scorer, _forks, torch_state
from musc2.encoders._checkpoints.kept import Kept
from musc2.errors import MuscError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
SECONDS = 20


def in_child(work):
    """Return whether ``work()`` is true in a forked child, which is killed if it waits."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        os._exit(0 if work() else 1)
    _, status = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(status), f"the child waited for {SECONDS} s"
    return status == 0


class Held:
    """A thread that stays in ``function(wait)`` while the block runs; ``wait`` returns after it."""

    def __init__(self, function):
        self._is_in, self._may_leave = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=function, args=(self._wait,))

    def _wait(self, *_):
        self._is_in.set()
        self._may_leave.wait()

    def __enter__(self):
        self._thread.start()
        assert self._is_in.wait(SECONDS)

    def __exit__(self, *_):
        self._may_leave.set()
        self._thread.join()


def hold(lock):
    """Return a function that holds a lock while it waits."""

    def held(wait):
        with lock:
            wait()

    return held


def entered(lock):
    with lock, lock:
        return True


def test_a_child_does_not_wait_for_the_lock_of_a_lost_thread():
    lock = _forks.Lock()
    with Held(hold(lock)):
        assert in_child(lambda: entered(lock))
    assert entered(lock)


def test_a_lock_of_the_forking_thread_is_still_its_own():
    lock = _forks.Lock()
    with lock:
        assert in_child(lambda: entered(lock))
    assert in_child(lambda: entered(lock))


def refused(call):
    with pytest.raises(MuscError, match="Scorer: another thread was using it when"):
        call()
    return True


@pytest.mark.filterwarnings("ignore")
def test_a_scorer_in_use_at_the_fork_is_refused_in_the_child():
    images = parts.images(np.random.default_rng(0), 3)
    scorer = Scorer.fit(images, encoder_2d=parts.colors, config=parts.SMALL)
    expected = scorer.score(images[0]).scores
    with Held(lambda wait: scorer.score(images, progress=wait)):
        assert in_child(lambda: refused(lambda: scorer.score(images[0])))
    assert in_child(lambda: torch.equal(scorer.score(images[0]).scores, expected))


def test_networks_can_be_loaded_while_another_thread_loaded_one():
    kept = Kept()
    with Held(lambda wait: kept.get("first", wait)):
        assert in_child(lambda: kept.get("second", lambda: 2) == 2)


def test_tf32_is_restored_in_a_child_that_lost_the_thread_which_needed_it_off():
    cudnn = torch.backends.cudnn
    before = cudnn.allow_tf32
    cudnn.allow_tf32 = True
    try:
        with Held(hold(torch_state.exact_float32())):
            assert not cudnn.allow_tf32
            assert in_child(lambda: cudnn.allow_tf32)
        with torch_state.exact_float32():
            assert in_child(lambda: not cudnn.allow_tf32)
        assert cudnn.allow_tf32
    finally:
        cudnn.allow_tf32 = before


def test_every_lock_of_the_package_is_one_that_a_child_does_not_wait_for():
    package = Path(musc2.__file__).parent
    holders = [
        str(path.relative_to(package))
        for path in sorted(package.rglob("*.py"))
        if re.search(
            r"\bthreading\.(R?Lock|Condition|Semaphore)\b|\bSimpleQueue\b", path.read_text()
        )
    ]
    assert holders == ["_forks.py", "inputs/ordered_map.py"]  # whose queue is of one call


FORKS = """
import os, signal, sys, threading, time, torch, warnings
warnings.simplefilter("ignore")
import musc2
images = torch.rand(4, 48, 64, 3, generator=torch.Generator().manual_seed(0))
def scored():
    return musc2.score(images, encoder_2d="texture").scores
expected, is_over = scored(), threading.Event()
def work():
    while not is_over.is_set():
        scored()
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
ends = []
for number in range(int(sys.argv[1])):
    time.sleep(0.013 * (number % 7))  # at another place of the run
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if torch.equal(scored(), expected) else 1)
    ends.append(os.waitpid(child, 0)[1])
is_over.set()
for thread in threads:
    thread.join()
print(ends.count(0))
"""


@pytest.mark.long
def test_forks_while_threads_score():
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        assert run(["-c", FORKS, "8"]) == "8"
