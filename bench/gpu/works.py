"""What a bench measures: pieces of work by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Work(NamedTuple):
    """A name for the findings, and the function that returns the record of what it measures."""

    name: str
    run: Callable[[], dict[str, Any]]
