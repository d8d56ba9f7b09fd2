"""The families of generated parts: plates, domed discs, and cables of several strands.

Discs and cables share the plates' light, sensor and defects; their intact surfaces are drawn here.
Parts for training have the design of the test parts of the same seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from musc2.datasets.generated import GeneratedParts
from musc2.datasets.synthetic import plates, sensing
from musc2.datasets.synthetic.defects import damage
from musc2.datasets.synthetic.parts import (
    PartSeed,
    Views,
    assemble,
    check_arguments,
    parts,
    streams,
)
from musc2.datasets.synthetic.surface import Floats, Mask, Surface, grain, step

_STRANDS = (-0.52, 0.0, 0.52)  # v of the middles of a cable's strands
_HALF_WIDTH = 0.24  # of a strand


class Family(Protocol):
    """A generator with the arguments of ``synthetic.parts``."""

    def __call__(
        self,
        count: int,
        *,
        defective: float = 0.5,
        size: int = 224,
        seed: int = 0,
        first: int = 0,
    ) -> GeneratedParts: ...


@dataclass(frozen=True, eq=False)
class _Form:
    """What all parts of a set have in common. shape: (8,) in [0, 1), for what a family varies."""

    colors: plates.Design  # only base, ink and mat are used
    shape: Floats


_Intact = Callable[[_Form, Floats, Floats, np.random.Generator], tuple[Floats, Floats, Floats]]
"""Height, share of ink and solid pixels of an intact part at u, v."""


def discs(
    count: int,
    *,
    defective: float = 0.5,
    size: int = 224,
    seed: int = 0,
    first: int = 0,
) -> GeneratedParts:
    """Generate domes with a raised rim, a center hole, a ring of holes and a printed dial."""
    check_arguments("discs", count, defective=defective, size=size, seed=seed, first=first)
    return _generate(_disc, count, defective, size, seed, first)


def cables(
    count: int,
    *,
    defective: float = 0.5,
    size: int = 224,
    seed: int = 0,
    first: int = 0,
) -> GeneratedParts:
    """Generate three waved round strands side by side, each with its own twist and print."""
    check_arguments("cables", count, defective=defective, size=size, seed=seed, first=first)
    return _generate(_cable, count, defective, size, seed, first)


FAMILIES: dict[str, Family] = {"plates": parts, "discs": discs, "cables": cables}


def _generate(
    intact: _Intact,
    count: int,
    defective: float,
    size: int,
    seed: int,
    first: int,
) -> GeneratedParts:
    rng = np.random.default_rng([seed, 0])
    form = _Form(plates.draw_design(rng), rng.random(8))
    return assemble(
        count,
        defective,
        seed,
        first,
        lambda kind, part_seed: _part(intact, form, kind, size, part_seed),
    )


def _part(intact: _Intact, form: _Form, kind: str, size: int, part_seed: PartSeed) -> Views:
    pose, looks, sensor, defect = streams(part_seed)
    u, v = sensing.draw_pose(size, pose)
    height, ink, solid = intact(form, u, v, looks)
    base = form.colors.base * looks.uniform(0.98, 1.02, 3)
    albedo = base + ink[..., None] * (form.colors.ink - base)
    albedo = albedo + 0.013 * grain(u.shape, looks)[..., None]
    mat = form.colors.mat + 0.01 * grain(u.shape, looks)[..., None]
    part = Surface(u, v, np.where(solid[..., None], albedo, mat), height, solid)
    if kind == "print":
        mask = _misprint(part, ink, base, form, defect)
    else:
        mask = damage(part, kind, replace(form.colors, base=base), defect)
    return sensing.photograph(part, looks), sensing.scan(part, sensor, pose), mask & solid


def _disc(
    form: _Form, u: Floats, v: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    radius, angle = np.hypot(u, v), np.arctan2(v, u)
    hole_count = 5 + int(3 * form.shape[0])
    mark_count = 9 + 2 * int(5 * form.shape[1])
    ring = 0.45 + 0.1 * form.shape[2]
    from_hole = np.hypot(radius - ring, ring * _from_direction(angle, hole_count))
    solid = (radius < 0.95) & (radius > 0.12) & (from_hole > 0.06)
    dome = 0.15 + (0.1 + 0.1 * form.shape[3]) * (1 - radius**2) + rng.normal(0, 0.006) * u * v
    height = dome + 0.03 * step(radius - 0.86, 0.04)
    circle = step(0.02 - np.abs(radius - 0.74) * 0.3, 0.01)
    marks = step(0.03 - np.abs(_from_direction(angle, mark_count)) * 0.74, 0.012)
    inner_circle = step(0.012 - np.abs(radius - 0.28), 0.01)
    return height, np.maximum(circle * marks, inner_circle), solid


def _cable(
    form: _Form, u: Floats, v: Floats, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    wave, pitch = 0.02 + 0.03 * form.shape[0], 0.12 + 0.06 * form.shape[1]
    height, ink, solid = np.zeros_like(u), np.zeros_like(u), np.zeros(u.shape, bool)
    for middle, phase in zip(_STRANDS, form.shape[2:5], strict=True):
        across = v - middle - wave * np.sin(3 * u + 6 * phase) - rng.normal(0, 0.004)
        strand = (np.abs(across) < _HALF_WIDTH) & (np.abs(u) < 1.0)
        arch = 0.3 * np.sqrt(np.clip(_HALF_WIDTH**2 - across**2, 0, None))
        twist = np.cos(2 * np.pi * (u + across * (0.3 + 0.4 * phase)) / pitch)
        length = step(0.03 - np.abs(_from_multiple(u + phase, 0.5)), 0.01)
        marks = length * step(0.13 - np.abs(across), 0.01)
        height = np.where(strand, 0.1 + arch + 0.004 * twist, height)
        ink = np.where(strand, np.maximum(marks, 0.3 * step(twist - 0.4, 0.5)), ink)
        solid |= strand
    return height, ink, solid


def _misprint(
    part: Surface, ink: Floats, base: Floats, form: _Form, rng: np.random.Generator
) -> Mask:
    """Remove the ink around a random printed position and return the pixels."""
    rows, columns = np.nonzero((ink > 0.8) & part.solid)
    index = rng.integers(len(rows))
    u, v = part.u[rows[index], columns[index]], part.v[rows[index], columns[index]]
    distance = np.hypot(part.u - u, part.v - v)
    removed = np.where(distance < rng.uniform(0.12, 0.2), ink, 0)
    part.albedo -= (removed * part.solid)[..., None] * (form.colors.ink - base)
    return np.asarray(removed > 0.3)


def _from_direction(angle: Floats, count: int) -> Floats:
    """Return the signed angle from the nearest of ``count`` directions."""
    return _from_multiple(angle, 2 * np.pi / count)


def _from_multiple(x: Floats, period: float) -> Floats:
    """Return the signed distance from the nearest multiple of ``period``."""
    distance: np.ndarray[Any, Any] = (x + period / 2) % period - period / 2
    return distance
