"""Families of generated parts: the plates of ``synthetic``, domed discs, and cables of several strands.

Discs and cables share the plates' light, sensor and defects; what they look like intact is here. Train parts of a seed
have the design of its test parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from musc2.datasets import plates, sensing, synthetic
from musc2.datasets.plates import Floats, Plate, step
from musc2.datasets.synthetic import Made, Parts, Streams

_STRANDS = (-0.52, 0.0, 0.52)  # where the middles of the strands are
_HALF_WIDTH = 0.24


class Family(Protocol):
    """``count`` parts of one design, as ``synthetic.parts``."""

    def __call__(
        self, count: int, *, defective: float = 0.5, size: int = 224, seed: int = 0, first: int = 0
    ) -> Parts: ...


@dataclass(frozen=True, eq=False)
class Form:
    """What all parts of a set have in common. numbers: (8,) in [0, 1), for whatever a family varies."""

    colors: plates.Design  # base, ink and mat
    numbers: Floats


Intact = Callable[[Form, Floats, Floats, np.random.Generator], tuple[Floats, Floats, Floats]]


def discs(count: int, *, defective: float = 0.5, size: int = 224, seed: int = 0, first: int = 0) -> Parts:
    """Domes with a raised rim, a hole in the middle, a ring of holes and a printed dial."""
    return _parts(_disc, count, defective, size, seed, first)


def cables(count: int, *, defective: float = 0.5, size: int = 224, seed: int = 0, first: int = 0) -> Parts:
    """Three round strands side by side, waved, each with a twist of its own and printed marks."""
    return _parts(_cable, count, defective, size, seed, first)


FAMILIES: dict[str, Family] = {"plates": synthetic.parts, "discs": discs, "cables": cables}


def _parts(intact: Intact, count: int, defective: float, size: int, seed: int, first: int) -> Parts:
    synthetic.check(count, defective, size)
    rng = np.random.default_rng([seed, 0])
    form = Form(plates.design(rng), rng.random(8))
    return synthetic.assembled(
        count, defective, seed, first, lambda kind, stream: _part(intact, form, kind, size, stream)
    )


def _part(intact: Intact, form: Form, kind: str, size: int, seed: Streams) -> Made:
    pose, light, sensor, defect = (np.random.default_rng([*seed, stream]) for stream in range(4))
    u, v = sensing.pose(size, pose)
    height, ink, solid = intact(form, u, v, light)
    base = form.colors.base * light.uniform(0.98, 1.02, 3)
    albedo = base + ink[..., None] * (form.colors.ink - base) + 0.013 * plates.grain(u.shape, light)[..., None]
    mat = form.colors.mat + 0.01 * plates.grain(u.shape, light)[..., None]
    part = Plate(u, v, np.where(solid[..., None], albedo, mat), height, solid)
    if kind == "print":
        mask = _misprint(part, ink, base, form, defect)
    else:
        mask = plates.damage(part, kind, replace(form.colors, base=base), defect)
    return sensing.photograph(part, light), sensing.scan(part, sensor, pose), mask & solid


def _disc(form: Form, u: Floats, v: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    holes, marks = 5 + int(3 * form.numbers[0]), 9 + 2 * int(5 * form.numbers[1])
    ring = 0.45 + 0.1 * form.numbers[2]
    near = np.hypot(radius - ring, ring * _wrapped(angle, holes))
    solid = (radius < 0.95) & (radius > 0.12) & (near > 0.06)
    dome = 0.15 + (0.1 + 0.1 * form.numbers[3]) * (1 - radius**2) + rng.normal(0, 0.006) * u * v
    height = dome + 0.03 * step(radius - 0.86, 0.04)
    dial = step(0.02 - np.abs(radius - 0.74) * 0.3, 0.01) * step(0.03 - np.abs(_wrapped(angle, marks)) * 0.74, 0.012)
    return height, np.maximum(dial, step(0.012 - np.abs(radius - 0.28), 0.01)), solid


def _cable(form: Form, u: Floats, v: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    wave, pitch = 0.02 + 0.03 * form.numbers[0], 0.12 + 0.06 * form.numbers[1]
    height, ink, solid = np.zeros_like(u), np.zeros_like(u), np.zeros(u.shape, bool)
    for middle, part in zip(_STRANDS, form.numbers[2:5], strict=True):
        across = v - middle - wave * np.sin(3 * u + 6 * part) - rng.normal(0, 0.004)
        here = (np.abs(across) < _HALF_WIDTH) & (np.abs(u) < 1.0)
        round_ = 0.3 * np.sqrt(np.clip(_HALF_WIDTH**2 - across**2, 0, None))
        twist = np.cos(2 * np.pi * (u + across * (0.3 + 0.4 * part)) / pitch)
        marks = step(0.03 - np.abs(_sawtooth(u + part, 0.5)), 0.01) * step(0.13 - np.abs(across), 0.01)
        height = np.where(here, 0.1 + round_ + 0.004 * twist, height)
        ink = np.where(here, np.maximum(marks, 0.3 * step(twist - 0.4, 0.5)), ink)
        solid |= here
    return height, ink, solid


def _misprint(part: Plate, ink: Floats, base: Floats, form: Form, rng: np.random.Generator) -> plates.Mask:
    """Ink that is missing, where there was most of it around one printed place."""
    rows, columns = np.nonzero((ink > 0.8) & part.solid)
    place = rng.integers(len(rows))
    u, v = part.u[rows[place], columns[place]], part.v[rows[place], columns[place]]
    gone = np.where(np.hypot(part.u - u, part.v - v) < rng.uniform(0.12, 0.2), ink, 0)
    part.albedo -= (gone * part.solid)[..., None] * (form.colors.ink - base)
    return np.asarray(gone > 0.3)


def _wrapped(angle: Floats, count: int) -> Floats:
    """The angle to the nearest of ``count`` directions."""
    return _sawtooth(angle, 2 * np.pi / count)


def _sawtooth(x: Floats, period: float) -> Floats:
    """The distance to the nearest multiple of ``period``, with its sign."""
    found: np.ndarray[Any, Any] = (x + period / 2) % period - period / 2
    return found
