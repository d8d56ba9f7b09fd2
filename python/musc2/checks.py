"""Checks of single values. Every refusal reads "op: name must be X, got Y"."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NoReturn

import numpy as np

from musc2.errors import InputError


def refuse(op: str, subject: str, requirement: str, got: object) -> NoReturn:
    """Raise the InputError "op: subject requirement, got ..."; a requirement begins with "must"."""
    msg = f"{op}: {subject} {requirement}, got {got}"
    raise InputError(msg)


def is_whole(value: object, low: int = 0, high: int | None = None) -> bool:
    """Return whether ``value`` is an integer (no bool) in [low, high]."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        return False
    return bool(low <= value and (high is None or value <= high))


def is_number(value: object) -> bool:
    """Return whether ``value`` is a finite real number (no bool)."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False


def is_interval(bounds: object) -> bool:
    """Return whether ``bounds`` are two rising bounds, each a fraction 0.0 to 1.0 or a count."""
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        return False
    low, high = bounds
    for bound in (low, high):
        is_fraction = isinstance(bound, float) and 0 <= bound <= 1
        if not is_fraction and not is_whole(bound):
            return False
    return isinstance(low, float) != isinstance(high, float) or bool(low <= high)


def whole(op: str, name: str, value: object, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int in [low, high]."""
    if not is_whole(value, low, high):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        refuse(op, name, f"must be a whole number {limits}", repr(value))
    return int(value)  # type: ignore[call-overload, no-any-return]


def number(op: str, name: str, value: object, low: float) -> float:
    """Return ``value`` as a finite float of at least ``low``."""
    if not is_number(value) or value < low:  # type: ignore[operator]
        refuse(op, name, f"must be a finite number of at least {low:g}", repr(value))
    return float(value)  # type: ignore[arg-type]


def choice(op: str, name: str, value: object, choices: Collection[str]) -> str:
    """Return ``value``, one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        refuse(op, name, f"must be one of {', '.join(choices)}", repr(value))
    return value


def size(op: str, name: str, value: object) -> tuple[int, int]:
    """Return ``value`` as (height, width)."""
    if isinstance(value, tuple | list) and len(value) == 2:
        height, width = value
        if is_whole(height, 1) and is_whole(width, 1):
            return int(height), int(width)
    refuse(op, name, "must be (height, width), whole numbers of at least 1", repr(value))


def odd_degrees(op: str, name: str, degrees: Sequence[int]) -> list[int]:
    """Return aggregation degrees, odd whole numbers, as a list."""
    checked = [whole(op, name, degree, 1) for degree in degrees]
    if not checked or any(degree % 2 == 0 for degree in checked):
        refuse(op, name, "must be odd whole numbers, at least one", tuple(degrees))
    return checked


def names(op: str, values: object, count: int) -> list[str]:
    """Return ``values`` as a list of ``count`` strings."""
    requirement = "must be a list of strings"
    if not isinstance(values, Sequence) or isinstance(values, str):
        refuse(op, "names", requirement, type(values).__name__)
    listed: list[str] = list(values)
    for value in listed:
        if not isinstance(value, str):
            refuse(op, "names", requirement, type(values).__name__)
    if len(listed) != count:
        refuse(op, "names", f"must be one for each of the {count} samples", len(listed))
    for name, times in Counter(listed).items():
        if times > 1:
            refuse(op, "names", "must be different", f"{name!r} {times} times")
    return listed
