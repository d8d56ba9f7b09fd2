"""Checks of single values. Every refusal reads "op: name must be X, got Y"."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NoReturn

import numpy as np

from musc2.errors import InputError

MAX_WHOLE = 2**63 - 1  # kernels take integers of 64 bits
MAX_NUMBER = float(np.finfo(np.float32).max)


def refuse(op: str, subject: str, requirement: str, got: object) -> NoReturn:
    """Raise the InputError "op: subject requirement, got ..."; a requirement begins with "must"."""
    msg = f"{op}: {subject} {requirement}, got {got}"
    raise InputError(msg)


def is_whole(value: object, low: int = 0, high: int = MAX_WHOLE) -> bool:
    """Return whether ``value`` is an integer (no bool) in [low, high]."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        return False
    return bool(low <= value <= high)


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


def whole(op: str, name: str, value: object, low: int, high: int = MAX_WHOLE) -> int:
    """Return ``value`` as an int in [low, high]."""
    if not is_whole(value, low, high):
        limits = f"of at least {low}" if high == MAX_WHOLE else f"from {low} to {high}"
        refuse(op, name, f"must be a whole number {limits}", shortened(value))
    return int(value)  # type: ignore[call-overload, no-any-return]


def wholes(
    op: str, name: str, values: object, low: int, high: int = MAX_WHOLE, *, least: int = 1
) -> list[int]:
    """Return ``values``, a sequence or vector of ``least`` or more integers in [low, high]."""
    if isinstance(values, np.ndarray) and values.ndim == 1:
        values = values.tolist()
    if not isinstance(values, list | tuple | range) or len(values) < least:
        amount = ", at least one" if least == 1 else ""
        refuse(op, name, f"must be a sequence of whole numbers{amount}", shortened(values))
    return [whole(op, name, value, low, high) for value in values]


def number(op: str, name: str, value: object, low: float, high: float = MAX_NUMBER) -> float:
    """Return ``value`` as a finite float in [low, high]; by default up to float32's largest."""
    if not is_number(value) or not low <= value <= high:  # type: ignore[operator]
        too_high = is_number(value) and value > high  # type: ignore[operator]
        limits = f"at most {high:g}" if too_high else f"at least {low:g}"
        refuse(op, name, f"must be a finite number of {limits}", shortened(value))
    return float(value)  # type: ignore[arg-type]


def switch(op: str, name: str, value: object) -> bool:
    """Return ``value``, True or False."""
    if not isinstance(value, bool | np.bool_):
        refuse(op, name, "must be True or False", shortened(value))
    return bool(value)


def choice(op: str, name: str, value: object, choices: Collection[str]) -> str:
    """Return ``value``, one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        refuse(op, name, f"must be one of {', '.join(choices)}", shortened(value))
    return value


def size(op: str, name: str, value: object) -> tuple[int, int]:
    """Return ``value`` as (height, width)."""
    if isinstance(value, tuple | list) and len(value) == 2:
        height, width = value
        if is_whole(height, 1) and is_whole(width, 1):
            return int(height), int(width)
    refuse(op, name, "must be (height, width), whole numbers of at least 1", repr(value))


def pair(op: str, name: str, value: object, limit: int) -> tuple[int, int]:
    """Return ``value``, (height, width), as two ints in [1, limit]."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        refuse(op, name, "must be two whole numbers (height, width)", shortened(value))
    height, width = value
    return whole(op, name, height, 1, limit), whole(op, name, width, 1, limit)


def odd_degrees(op: str, name: str, degrees: Sequence[int], highest: int = MAX_WHOLE) -> list[int]:
    """Return aggregation degrees, odd whole numbers of at most ``highest``, as a list."""
    requirement = "must be odd whole numbers, at least one"
    if isinstance(degrees, list | tuple) and len(degrees) == 0:
        refuse(op, name, requirement, tuple(degrees))
    checked = wholes(op, name, degrees, 1)
    if any(degree % 2 == 0 for degree in checked):
        refuse(op, name, requirement, tuple(degrees))
    return wholes(op, name, checked, 1, highest)


def shortened(value: object) -> str:
    """Return the repr of ``value``, cut to one line of moderate length."""
    try:
        text = repr(value)
    except ValueError:  # an integer of too many digits to print
        return f"a {type(value).__name__} too long to print"
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:197]}..."


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
