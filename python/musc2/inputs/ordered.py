"""A map over threads whose results come in order, and never more than a few ahead of the one who asks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_order(function: Callable[[T], R], items: Iterable[T], *, threads: int, ahead: int) -> Iterator[R]:
    """function(item) for each item, in order; at most ``ahead`` results wait or are being made while the caller works.

    With one thread the caller's thread does the work, one item at a time. Threads help as far as the function lets go
    of the interpreter: PIL does in decoding and resizing, numpy in larger operations.
    """
    if threads == 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="musc2-inputs") as pool:
        pending: deque[Future[R]] = deque()
        try:
            for item in items:
                if len(pending) < ahead:
                    pending.append(pool.submit(function, item))
                else:
                    result = pending.popleft().result()
                    pending.append(pool.submit(function, item))  # first, so that no thread rests while the caller works
                    yield result
            while pending:
                yield pending.popleft().result()
        finally:  # also when the caller stops asking, or one of them failed
            for future in pending:
                future.cancel()
