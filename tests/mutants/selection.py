"""Run tests of pytest in forked processes: all once, to see which lines they run, then some."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from types import FrameType
from typing import Any

import pytest


@dataclass(kw_only=True)
class Record:
    """lines: of one file that each test runs; seconds: that it takes."""

    lines: dict[str, set[int]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def tests_of(self, lines: range) -> list[str]:
        """Return the tests that run any of some lines, quick ones first."""
        chosen = [test for test, own in self.lines.items() if any(n in lines for n in own)]
        return sorted(chosen, key=self.seconds.__getitem__)

    def within(self, tests: list[str], seconds: float) -> list[str]:
        """Return the first of ``tests``, as many as take some seconds together; at least one."""
        times = accumulate(self.seconds[test] for test in tests)
        return [test for test, end in zip(tests, times, strict=True) if end <= seconds] or tests[:1]


def in_child(work: Callable[[], Any], seconds: float) -> Any:
    """Return what ``work`` returns in a forked process; None if it takes too long or dies.

    What it raises is raised here, as a RuntimeError.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        signal.alarm(int(seconds) + 1)  # its default action ends the process
        try:
            result = work()
        except BaseException as error:  # it must not go on as the parent
            result = RuntimeError(f"{type(error).__name__}: {error}")
        with open(writing, "wb") as file:
            pickle.dump(result, file)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        data = file.read()
    os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, signal.SIGKILL)  # what it started
    result = pickle.loads(data) if data else None
    if isinstance(result, RuntimeError):
        raise result
    return result


def recorded(session: pytest.Session, file: str) -> Record | None:
    """Return which lines of ``file`` each test runs; None if one fails."""

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename != file:
            return None
        current.add(frame.f_lineno)
        return trace

    record = Record()
    for item, following in _in_turn(session.items):
        current = record.lines[item.nodeid] = set()
        start = time.perf_counter()
        threading.settrace(trace)
        sys.settrace(trace)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        record.seconds[item.nodeid] = time.perf_counter() - start
    return None if session.testsfailed else record


def first_failure(session: pytest.Session, chosen: list[str], record: Record) -> str:
    """Return which of the tests ``chosen`` fails first, "" if none does.

    A test that computes for much longer than recorded ends the process. Load does not count.
    """
    items = {item.nodeid: item for item in session.items}
    for name, following in _in_turn(chosen):
        if name not in items:  # the mutant has other parameters
            return name
        signal.setitimer(signal.ITIMER_PROF, 5 + 5 * record.seconds[name])
        item, after = items[name], items.get(following)
        item.ihook.pytest_runtest_protocol(item=item, nextitem=after)
        if session.testsfailed:
            return name
    signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def _in_turn(items: list[Any]) -> Any:
    return zip(items, [*items[1:], None], strict=True)
