"""Defects of generated parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from musc2.datasets.synthetic.plates import Design, ink_share
from musc2.datasets.synthetic.surface import Floats, Mask, Surface, step

_PRINTS = (0.35, -0.76), (0.15, 0.0), (0.4, 0.75)  # largest |u| and v: bars, mark, lines


@dataclass(frozen=True, kw_only=True, eq=False)
class _Site:
    """A random place on a part, with axes turned by ``angle`` and random sizes.

    along, across: (H, W) coordinates on these axes; radius: (H, W) elliptic distance.
    """

    angle: float
    along: Floats
    across: Floats
    radius: Floats
    sign: int
    strength: float


def damage(part: Surface, kind: str, design: Design, rng: np.random.Generator) -> Mask:
    """Write a defect of a kind into ``part`` and return its pixels; none for "good"."""
    site = _draw_site(part, rng)
    if kind not in _DEFECTS:
        return np.zeros(part.u.shape, dtype=bool)
    return _DEFECTS[kind](part, site, design, rng)


def _draw_site(part: Surface, rng: np.random.Generator) -> _Site:
    angle = rng.uniform(0, 2 * np.pi)
    u, v = _draw_position(part, rng)
    along = np.cos(angle) * (part.u - u) + np.sin(angle) * (part.v - v)
    across = np.cos(angle) * (part.v - v) - np.sin(angle) * (part.u - u)
    sign = rng.choice([-1, 1])
    strength = rng.uniform(0.7, 1.3)
    radius = np.hypot(along, across * rng.uniform(1, 1.6))
    return _Site(
        angle=angle,
        along=along,
        across=across,
        radius=radius,
        sign=sign,
        strength=strength,
    )


def _draw_position(part: Surface, rng: np.random.Generator) -> tuple[float, float]:
    """Return a random (u, v) on the part, away from its edge and holes."""
    while True:
        u, v = rng.uniform(-0.8, 0.8, 2)
        near = np.hypot(part.u - u, part.v - v) < 0.14
        if part.solid[near].all():
            return float(u), float(v)


def _stain(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    outline = 0.03 * np.sin(3 * site.angle + 5 * site.along)
    spot = step(rng.uniform(0.13, 0.2) + outline - site.radius, 0.04)
    color = rng.uniform(-1, 0, 3)
    part.albedo += 0.35 * site.strength * spot[..., None] * color * part.solid[..., None]
    return spot > 0.5


def _misprint(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    """Remove the ink of a region of the print, or shift it."""
    # All three are drawn, one is used: the numbers that follow stay the same.
    centers = [(rng.uniform(-reach, reach), v) for reach, v in _PRINTS]
    u, v = centers[rng.integers(3)]
    width, height = rng.uniform(0.14, 0.22), rng.uniform(0.14, 0.22)
    region = (np.abs(part.u - u) < width) & (np.abs(part.v - v) < height)
    shift = rng.uniform(0.03, 0.06, 2) * rng.choice([-1, 1], 2)
    is_shifted = rng.random() < 0.5
    ink = np.zeros_like(part.u)
    if is_shifted:
        ink = ink_share(design, part.u - shift[0], part.v - shift[1])
    change = np.where(region, ink - ink_share(design, part.u, part.v), 0)
    part.albedo += change[..., None] * (design.ink - design.base)
    return np.abs(change) > 0.3


def _dent(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    return _bulge(part, site, rng, height=-0.03)


def _bump(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    return _bulge(part, site, rng, height=0.03)


def _bulge(part: Surface, site: _Site, rng: np.random.Generator, height: float) -> Mask:
    spot = np.exp(-0.5 * (site.radius / rng.uniform(0.06, 0.1)) ** 2)
    part.height += height * site.strength * spot
    return np.asarray(spot > 0.2)


def _warp(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    """Bend a side of the part along a line."""
    position = np.cos(site.angle) * part.u + np.sin(site.angle) * part.v
    beyond = position - rng.uniform(0.45, 0.65)
    rise = 0.05 * np.logaddexp(0, beyond / 0.05)
    part.height += 0.15 * site.strength * site.sign * rise
    return np.asarray(rise > 0.05)


def _hole(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    spot = step(rng.uniform(0.06, 0.085) - np.hypot(site.along, site.across), 0.02)
    part.height -= 0.016 * spot
    part.albedo += 0.8 * spot[..., None] * (design.mat - design.base)
    return spot > 0.2


def _cut(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    curve = site.across - 0.4 * site.along**2
    width = step(rng.uniform(0.018, 0.028) - np.abs(curve), 0.015)
    length = step(rng.uniform(0.2, 0.35) - np.abs(site.along), 0.04)
    spot = width * length
    part.height -= 0.013 * site.strength * spot
    part.albedo -= 0.25 * site.strength * spot[..., None]
    return spot > 0.2


def _contamination(part: Surface, site: _Site, design: Design, rng: np.random.Generator) -> Mask:
    outline = 0.03 * np.sin(4 * site.along / 0.1)
    spot = step(outline + rng.uniform(0.1, 0.15) - site.radius, 0.03)
    part.height += 0.014 * site.strength * spot
    part.albedo += 0.35 * site.strength * spot[..., None] * rng.uniform(-1, 1, 3)
    return spot > 0.2


_DEFECTS: dict[str, Callable[[Surface, _Site, Design, np.random.Generator], Mask]] = {
    "stain": _stain,
    "print": _misprint,
    "dent": _dent,
    "bump": _bump,
    "warp": _warp,
    "hole": _hole,
    "cut": _cut,
    "contamination": _contamination,
}
