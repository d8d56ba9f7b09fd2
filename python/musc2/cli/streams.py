"""Standard output that never costs a result: closed pipes, narrow encodings, missing streams."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable


def prepare() -> None:
    """Replace missing streams, and write letters that an encoding lacks as escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def write(lines: Iterable[str]) -> None:
    """Write lines to the standard output; stop quietly if nobody reads them any more."""
    try:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would raise again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_text(text: str) -> None:
    """Write text that has its own line ends."""
    write(text.splitlines())


def write_bytes(content: bytes) -> None:
    """Write binary content to the standard output."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()
