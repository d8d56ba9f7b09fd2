"""When torch must not start OpenMP threads: in a forked child, and where they would only wait for each other.

GNU OpenMP, which torch and FAISS bring, waits for ever in the child of a process in which it has run (measured with
faiss-cpu 1.15 and torch 2.13). Our own kernels start a fresh pool there and keep all their threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_HOME = os.getpid()


def in_forked_child() -> bool:
    """Whether this process was forked after musc2 was imported."""
    return os.getpid() != _HOME


@contextmanager
def serial_torch() -> Iterator[None]:
    """In a forked child, torch works on one thread inside this block; elsewhere nothing changes."""
    if not in_forked_child():
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch works on one thread inside this block: the last bits of its sums depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
