"""Standard output that never costs a result: closed pipes, narrow encodings, missing streams."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable

from musc2.report.text import printable


def prepare() -> None:
    """Replace missing streams, and write letters that an encoding lacks as escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def write(lines: Iterable[str]) -> None:
    """Write lines for people to the standard output, control characters as escapes."""
    write_text("".join(f"{printable(line)}\n" for line in lines))


def write_text(text: str) -> None:
    """Write text for programs as it is; stop quietly if nobody reads it any more."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()


def write_bytes(content: bytes) -> None:
    """Write binary content to the standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def write_message(text: str, *, start: str = "") -> None:
    """Write an error or a warning to the standard error, control characters as escapes."""
    lines = "\n".join(map(printable, text.split("\n")))
    sys.stderr.write(f"{start}musc2: {lines}\n")


def discard_output() -> None:
    """Write to nowhere from now on: what is left in the buffer would fail again at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
