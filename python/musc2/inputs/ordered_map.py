"""Map a function over items in threads, in order, with bounded look-ahead."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_PATIENCE = 2.0  # seconds that the end of a failed call waits for what is in work


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
    pool = _Pool(function, threads)
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            if len(pending) < ahead:
                pending.append(pool.submit(item))
            else:
                result = pending.popleft().result()
                # Before the yield, so that no thread is idle while the caller works.
                pending.append(pool.submit(item))
                yield result
        while pending:
            yield pending.popleft().result()
    finally:  # also when the caller stops early or a call failed
        for future in pending:
            future.cancel()
        pool.close()


class _Pool(Generic[T, R]):
    """Up to ``threads`` threads that call a function.

    Not a ThreadPoolExecutor, which waits for its threads also when the interpreter ends: a reader
    that hangs, on a network disk that went away, would keep the process alive.
    """

    def __init__(self, function: Callable[[T], R], threads: int) -> None:
        self._function, self._most = function, threads
        self._jobs: SimpleQueue[tuple[Future[R], T] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, item: T) -> Future[R]:
        future: Future[R] = Future()
        self._jobs.put((future, item))
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name="musc2-inputs", daemon=True)
            thread.start()
            self._threads.append(thread)
        return future

    def close(self) -> None:
        """Let the threads end, and wait for them for a moment."""
        for _ in self._threads:
            self._jobs.put(None)
        deadline = time.monotonic() + _PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, item = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self._function(item))
            except BaseException as error:
                future.set_exception(error)
            del job, future, item  # and their results, while this thread waits
