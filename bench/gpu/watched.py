"""Processes that may hang: each has a deadline, and so has each check that it says it begins."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

BEGIN = "begin-check "  # a line of a process: this word, seconds that the check may take, its name
TAIL = 12  # lines of output that an ending keeps
PATIENCE = 5.0  # seconds for a killed process to be gone


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a process ended: its status, None when it was killed, and the check it began last."""

    status: int | None
    check: str
    seconds: float  # since that check began, or the process
    tail: str

    def __str__(self) -> str:
        if self.status is None:
            return f"killed after {self.seconds:.0f} s"
        return f"exit status {self.status}: {self.tail}"


def watch(
    command: Sequence[str],
    *,
    seconds: float,
    log: Callable[[str], None],
    environment: Mapping[str, str],
    folder: Path,
) -> Ending:
    """Run a command, and kill it with all its children at its deadline or at that of a check."""
    process = subprocess.Popen(
        list(command),
        cwd=folder,
        env=dict(environment),
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_pump, args=(process.stdout, lines), daemon=True).start()
    begin = time.monotonic()
    end, check, check_begin, check_end = begin + seconds, "", begin, float("inf")
    tail: deque[str] = deque(maxlen=TAIL)
    while True:
        try:
            line = lines.get(timeout=max(0.0, min(end, check_end) - time.monotonic()))
        except queue.Empty:
            _kill(process)
            status = None
            break
        if line is None:
            status = process.wait()
            break
        if line.startswith(BEGIN):
            allowance, check = line.removeprefix(BEGIN).split(" ", 1)
            check_begin = time.monotonic()
            check_end = check_begin + float(allowance)
        else:
            tail.append(line)
            log(line)
    passed = time.monotonic() - check_begin
    return Ending(status=status, check=check, seconds=passed, tail="\n".join(tail))


def _pump(stream: IO[str], lines: queue.Queue[str | None]) -> None:
    """Move lines from a pipe to the queue; None says that it was closed."""
    with stream:
        for line in stream:
            lines.put(line.rstrip("\n"))
    lines.put(None)


def _kill(process: subprocess.Popen[str]) -> None:
    """Kill the process and its children. One whose GPU hangs may stay for a while."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
