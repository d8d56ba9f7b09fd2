"""What a call spends its time on, and how far it is."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from musc2.errors import InputError

T = TypeVar("T")
Report = Callable[[str, int, int], object]
"""Is told the stage, how many of its steps are done, and of how many."""


class Progress:
    """Adds up the seconds of each stage and tells a listener how far each is.

    Seconds are those that the caller's thread spends in or waiting for a stage; within another stage they count for the
    inner one alone. So they add up to the time of the call, and work that other threads did meanwhile costs nothing.
    """

    def __init__(self, report: Report | None = None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._report = report
        self._open: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        self._account()
        self._open.append(stage)
        try:
            yield
        finally:
            self._account()
            self._open.pop()

    def waiting(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """The items; the time that getting each of them takes counts for ``stage``."""
        iterator, end = iter(items), object()
        while True:
            with self(stage):
                item: Any = next(iterator, end)
            if item is end:
                return
            yield item

    def step(self, stage: str, done: int, total: int) -> None:
        """Tells the listener."""
        if self._report is not None:
            self._report(stage, done, total)

    def _account(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


@contextmanager
def reporting(progress: object) -> Iterator[Report | None]:
    """What ``progress``, True (bars on the standard error), False or a callback, stands for."""
    if progress is False or progress is None:
        yield None
    elif progress is True:
        bars = _Bars()
        try:
            yield bars
        finally:
            bars.close()
    elif callable(progress):
        yield progress
    else:
        msg = f"score: progress must be True, False or a callback(stage, done, total), got {progress!r}"
        raise InputError(msg)


class _Bars:
    """One bar for each stage."""

    def __init__(self) -> None:
        self._bars: dict[str, Any] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if stage not in self._bars:
            self._bars[stage] = tqdm(total=total, desc=stage, position=len(self._bars))
        bar = self._bars[stage]
        bar.update(done - bar.n)

    def close(self) -> None:
        for bar in self._bars.values():
            bar.close()
