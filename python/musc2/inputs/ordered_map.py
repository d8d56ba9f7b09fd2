"""Map a function over items in threads, in order, with bounded look-ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ordered_map(
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int,
    ahead: int,
) -> Iterator[R]:
    """Yield function(item) for each item, in order, at most ``ahead`` of them in work or ready.

    With one thread the caller's thread does the work, one item at a time. Threads help as far as
    the function releases the interpreter: PIL does in decoding and resizing, numpy in larger
    operations.
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
                    # Before the yield, so that no thread is idle while the caller works.
                    pending.append(pool.submit(function, item))
                    yield result
            while pending:
                yield pending.popleft().result()
        finally:  # also when the caller stops early or a call failed
            for future in pending:
                future.cancel()
