"""How long each stage of a call takes, and how far it is."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from musc2 import checks

T = TypeVar("T")
Report = Callable[[str, int, int], object]
"""Called with the stage, how many of its steps are done, and how many there are."""


class StageTimer:
    """Add up the seconds of each stage and report its progress.

    Seconds are those that the caller's thread spends in a stage or waits for it; within another
    stage they count for the inner one alone. So they add up to the time of the call, and work that
    other threads do meanwhile costs nothing.
    """

    def __init__(self, report: Report | None = None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._report = report
        self._open: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside the block for the stage ``name``."""
        self._account()
        self._open.append(name)
        try:
            yield
        finally:
            self._account()
            self._open.pop()

    def waiting(self, name: str, items: Iterable[T]) -> Iterator[T]:
        """Yield the items; count the time until each is ready for the stage ``name``."""
        iterator, end = iter(items), object()
        while True:
            with self.stage(name):
                item: Any = next(iterator, end)
            if item is end:
                return
            yield item

    def step(self, name: str, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` steps of a stage are finished."""
        if self._report is not None:
            self._report(name, done, total)

    def _account(self) -> None:
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


@contextmanager
def reporting(progress: object, op: str = "score") -> Iterator[Report | None]:
    """Yield the callback for ``progress``: True (bars on stderr), False or a callback."""
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
        requirement = "must be True, False or a callback(stage, done, total)"
        checks.refuse(op, "progress", requirement, repr(progress))


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
