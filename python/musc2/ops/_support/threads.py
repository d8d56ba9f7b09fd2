"""Keep torch to one thread where it must not start OpenMP threads, or where they change results.

GNU OpenMP, which torch and FAISS bring, waits for ever in the child of a process in which it has
run (measured with faiss-cpu 1.15 and torch 2.13). The kernels of musc2 start a fresh pool in a
child and keep all their threads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_IMPORTING_PROCESS = os.getpid()

if hasattr(os, "register_at_fork"):
    # From the fork on, because torch also starts threads after a call of musc2 has returned: to
    # copy the tensors of a Result that leaves the child through a pipe.
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def in_forked_child() -> bool:
    """Return whether this process was forked after musc2 was imported."""
    return os.getpid() != _IMPORTING_PROCESS


@contextmanager
def serial_torch() -> Iterator[None]:
    """Keep torch to one thread inside this block if this is a forked child."""
    if not in_forked_child():
        yield
        return
    with one_thread():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch to one thread inside this block, on which the last bits of sums depend."""
    thread_count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(thread_count)
