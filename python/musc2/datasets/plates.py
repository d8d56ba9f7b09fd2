"""The plate of the synthetic set in plate coordinates, and what can be wrong with it.

Lengths are in half sides of the plate, heights as well. Nothing here knows of cameras.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Mask = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Design:
    """What all plates of a set have in common."""

    base: Floats  # colors, (3,)
    ink: Floats
    mat: Floats  # what the plate lies on
    holes: Floats  # (4, 2): centers
    bars: Floats  # (n, 2): left edge and width of the bars of a code
    cells: NDArray[np.bool_]  # (5, 5): the printed squares of a mark
    dome: Floats  # (2,): curvatures
    ring: float  # radius of the raised ring
    raised: float  # its height


@dataclass(eq=False)
class Plate:
    """One plate, seen from a pose: arrays over the pixels. Damage writes into them."""

    u: Floats
    v: Floats
    albedo: Floats  # (H, W, 3)
    height: Floats
    solid: Mask


def design(rng: np.random.Generator) -> Design:
    base = rng.uniform(0.45, 0.75, 3)
    width = rng.uniform(0.02, 0.07, 9)
    left = np.cumsum(width + rng.uniform(0.02, 0.06, 9)) - width
    return Design(
        base=base,
        ink=base * rng.uniform(0.45, 0.7, 3),
        mat=rng.uniform(0.1, 0.2, 3),
        holes=np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * 0.68 + rng.uniform(-0.04, 0.04, (4, 2)),
        bars=np.stack([left - 0.42, width], 1),
        cells=rng.random((5, 5)) < 0.5,
        dome=rng.uniform(0.05, 0.15, 2),
        ring=float(rng.uniform(0.42, 0.5)),
        raised=float(rng.uniform(0.02, 0.03)),
    )


def plate(form: Design, u: Floats, v: Floats, rng: np.random.Generator) -> Plate:
    """An intact plate at plate coordinates u, v: (H, W); ``rng`` draws its grain and its own small deviations."""
    solid = u**4 + v**4 < 1
    for center in form.holes:
        solid &= np.hypot(u - center[0], v - center[1]) > 0.085
    shade = form.base * rng.uniform(0.98, 1.02, 3)
    albedo = shade + printed(form, u, v)[..., None] * (form.ink - form.base)
    albedo = albedo + rng.uniform(0.01, 0.016) * grain(u.shape, rng)[..., None]
    mat = form.mat + 0.01 * grain(u.shape, rng)[..., None]
    bend = rng.normal(0, 0.008, 3)
    height = 0.15 - form.dome[0] * u**2 - form.dome[1] * v**2 + bend[0] * u**2 + bend[1] * u * v + bend[2] * v**2
    radius = np.hypot(u, v)
    height = height + form.raised * step(radius - form.ring, 0.05) * step(form.ring + 0.16 - radius, 0.05)
    return Plate(u, v, np.where(solid[..., None], albedo, mat), height, solid)


def printed(form: Design, u: Floats, v: Floats, soft: float = 0.012) -> Floats:
    """Share of ink at (u, v): a code of bars at the top, a mark of squares in the middle, two lines at the bottom."""
    bars = np.zeros_like(u)
    for left, width in form.bars:
        bars = np.maximum(bars, step(u - left, soft) * step(left + width - u, soft))
    bars = bars * step(v + 0.86, soft) * step(-0.66 - v, soft)
    lines = np.zeros_like(u)
    for middle in (0.7, 0.8):
        lines = np.maximum(lines, step(0.025 - np.abs(v - middle), soft) * step(0.45 - np.abs(u), soft))
    cell = 0.1
    column, row = (np.floor(w / cell + 2.5).astype(int) for w in (u, v))
    inside = (column >= 0) & (column < 5) & (row >= 0) & (row < 5)
    mark = inside & form.cells[np.clip(row, 0, 4), np.clip(column, 0, 4)]
    return np.asarray(np.maximum(np.maximum(bars, lines), mark))


def damage(part: Plate, kind: str, form: Design, rng: np.random.Generator) -> Mask:
    """Writes a defect into ``part``; where it is."""
    angle, u, v = rng.uniform(0, 2 * np.pi), *_place(part, rng)
    along = np.cos(angle) * (part.u - u) + np.sin(angle) * (part.v - v)
    across = np.cos(angle) * (part.v - v) - np.sin(angle) * (part.u - u)
    sign = rng.choice([-1, 1])
    strength = rng.uniform(0.7, 1.3)
    round_ = np.hypot(along, across * rng.uniform(1, 1.6))
    if kind == "stain":
        spot = step(rng.uniform(0.13, 0.2) + 0.03 * np.sin(3 * angle + 5 * along) - round_, 0.04)
        part.albedo += 0.35 * strength * spot[..., None] * rng.uniform(-1, 0, 3) * part.solid[..., None]
        return spot > 0.5
    if kind == "print":
        return _misprint(part, form, rng)
    if kind in ("dent", "bump"):
        spot = np.exp(-0.5 * (round_ / rng.uniform(0.06, 0.1)) ** 2)
        part.height += (0.03 if kind == "bump" else -0.03) * strength * spot
        return np.asarray(spot > 0.2)
    if kind == "warp":  # a side bent along a line
        beyond = np.cos(angle) * part.u + np.sin(angle) * part.v - rng.uniform(0.45, 0.65)
        rise = 0.05 * np.logaddexp(0, beyond / 0.05)
        part.height += 0.15 * strength * sign * rise
        return np.asarray(rise > 0.05)
    if kind == "hole":
        spot = step(rng.uniform(0.06, 0.085) - np.hypot(along, across), 0.02)
        part.height -= 0.016 * spot
        part.albedo += 0.8 * spot[..., None] * (form.mat - form.base)
        return spot > 0.2
    if kind == "cut":
        curve = across - 0.4 * along**2
        spot = step(rng.uniform(0.018, 0.028) - np.abs(curve), 0.015) * step(
            rng.uniform(0.2, 0.35) - np.abs(along), 0.04
        )
        part.height -= 0.013 * strength * spot
        part.albedo -= 0.25 * strength * spot[..., None]
        return spot > 0.2
    if kind == "contamination":
        blob = 0.03 * np.sin(4 * along / 0.1) + rng.uniform(0.1, 0.15) - round_
        spot = step(blob, 0.03)
        part.height += 0.014 * strength * spot
        part.albedo += 0.35 * strength * spot[..., None] * rng.uniform(-1, 1, 3)
        return spot > 0.2
    return np.zeros(part.u.shape, dtype=bool)


def _misprint(part: Plate, form: Design, rng: np.random.Generator) -> Mask:
    """Ink that is missing, or out of place, in a part of the print."""
    u, v = [(rng.uniform(-0.35, 0.35), -0.76), (rng.uniform(-0.15, 0.15), 0.0), (rng.uniform(-0.4, 0.4), 0.75)][
        rng.integers(3)
    ]
    here = (np.abs(part.u - u) < rng.uniform(0.14, 0.22)) & (np.abs(part.v - v) < rng.uniform(0.14, 0.22))
    shift = rng.uniform(0.03, 0.06, 2) * rng.choice([-1, 1], 2)
    wanted = printed(form, part.u - shift[0], part.v - shift[1]) if rng.random() < 0.5 else np.zeros_like(part.u)
    change = np.where(here, wanted - printed(form, part.u, part.v), 0)
    part.albedo += change[..., None] * (form.ink - form.base)
    return np.abs(change) > 0.3


def _place(part: Plate, rng: np.random.Generator) -> tuple[float, float]:
    """A place on the plate, away from its edge and holes."""
    while True:
        u, v = rng.uniform(-0.8, 0.8, 2)
        near = np.hypot(part.u - u, part.v - v) < 0.14
        if part.solid[near].all():
            return float(u), float(v)


def grain(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Noise of mean 0 and deviation 1 without the finest detail."""
    noise = rng.normal(size=shape)
    frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(shape[1]), np.fft.fftfreq(shape[0])))
    smooth = np.fft.irfft2(np.fft.rfft2(noise) * np.exp(-0.5 * (2 * np.pi * 1.2 * frequency) ** 2), s=shape)
    return np.asarray(smooth / smooth.std())


def step(x: Floats, soft: float) -> Floats:
    """0 below -soft / 2, 1 above soft / 2, smooth between."""
    t = np.clip(x / soft + 0.5, 0, 1)
    return t * t * (3 - 2 * t)
