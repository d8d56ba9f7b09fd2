"""How long each stage of a call takes, and how far it is."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from musc2 import checks

T = TypeVar("T")
Report = Callable[[str, int, int], object]
"""Called with the stage, how many of its steps are done, and how many there are."""
_SHARES = {"read": 1, "encode": 6, "mutual": 3}  # of the time of ``score``, roughly
_TITLES = {
    "read": "reading parts",
    "encode": "encoding parts",
    "mutual": "comparing layers",
    "write": "writing parts",
}
_REDRAW = 0.1  # seconds between two states of the line


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
    """Yield the callback for ``progress``: True (a line on stderr), False or a callback."""
    if progress is False or progress is None:
        yield None
    elif progress is True:
        line = ProgressLine()
        try:
            yield line
        finally:
            line.close()
    elif callable(progress):
        yield progress
    else:
        requirement = "must be True, False or a callback(stage, done, total)"
        checks.refuse(op, "progress", requirement, repr(progress))


class ProgressLine:
    """One line on the standard error: the stage, its share of the whole, the time left.

    Without a terminal each stage leaves one line when it ends.
    """

    def __init__(self) -> None:
        self._start = self._stage_start = time.perf_counter()
        self._stage = ""
        self._shown = 0.0
        self._is_terminal = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if stage != self._stage:
            self._stage, self._stage_start = stage, now
        if not self._is_terminal:
            if done == total:
                seconds = now - self._stage_start
                sys.stderr.write(f"{_TITLES.get(stage, stage)} {total}: {seconds:.1f} s\n")
            return
        if now - self._shown < _REDRAW and done < total:
            return
        self._shown = now
        share = _share(stage, done / max(total, 1))
        line = f"{share:4.0%}  {_TITLES.get(stage, stage)} {done} of {total}"
        elapsed = now - self._start
        if elapsed > 1 and 0.05 < share < 1:
            minutes, seconds = divmod(round(elapsed * (1 - share) / share), 60)
            line += f", {minutes}:{seconds:02d} left"
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    def close(self) -> None:
        """Clear the line."""
        if self._is_terminal and self._stage:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _share(stage: str, part: float) -> float:
    """Return the share of a whole call that is done; of a stage of its own that of the stage."""
    if stage not in _SHARES:
        return part
    stages = list(_SHARES)
    earlier = sum(_SHARES[name] for name in stages[: stages.index(stage)])
    return (earlier + part * _SHARES[stage]) / sum(_SHARES.values())
