"""What the cases of all ops have in common: sizes, inputs, and what a case is.

Indices and distances of points are equal to the bit; sums are compared by tests/tolerances.py's
bounds against float64, twice, because both sides have such an error.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

from bench.clouds import scan

Arrays = tuple[torch.Tensor, ...]
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the inputs are."""

    name: str
    clouds: int
    points: int
    centers: int
    search: int
    samples: int
    grid: tuple[int, int]
    channels: int
    compared: (
        int  # clouds and samples whose results the CPU computes as well, where that takes long
    )

    def some(self, count: int) -> list[int]:
        """Return numbers below ``count``, evenly spread, the first and the last among them."""
        return sorted({round(i * (count - 1) / (self.compared - 1)) for i in range(self.compared)})


TINY = Size(
    name="tiny",
    clouds=2,
    points=300,
    centers=12,
    search=40,
    samples=3,
    grid=(5, 4),
    channels=24,
    compared=2,
)
SMALL = Size(
    name="small",
    clouds=2,
    points=700,
    centers=24,
    search=64,
    samples=4,
    grid=(9, 8),
    channels=64,
    compared=2,
)
REAL = Size(
    name="real",
    clouds=64,
    points=20_000,
    centers=1024,
    search=256,
    samples=150,
    grid=(28, 28),
    channels=768,
    compared=3,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An op's call. ``expected`` computes what the results are compared with, on the CPU."""

    name: str
    inputs: Callable[[], Arrays]
    call: Callable[..., Arrays]
    agree: Callable[[Arrays, Arrays, Arrays], dict[str, Any]]
    expected: Callable[..., Arrays]


def case(
    name: str,
    inputs: Callable[[], Arrays],
    call: Callable[..., Arrays],
    agree: Callable[[Arrays, Arrays, Arrays], dict[str, Any]],
    expected: Callable[..., Arrays] | None = None,
) -> Case:
    """Return a case whose results are compared with those of the same call on the CPU."""
    return Case(name=name, inputs=inputs, call=call, agree=agree, expected=expected or call)


@cache
def scans(size: Size) -> torch.Tensor:
    """Return (clouds, points, 3) scans of one surface."""
    rng = np.random.default_rng(0)
    return torch.from_numpy(np.stack([scan(rng)[0][: size.points] for _ in range(size.clouds)]))


def ends(count: int, each: int) -> list[int]:
    """Return where each of ``count`` samples of ``each`` items begins, and the end."""
    return [each * number for number in range(count + 1)]
