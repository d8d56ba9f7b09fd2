"""Stamped plates with holes, a raised ring and print, in coordinates of the plate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from musc2.datasets.synthetic.surface import Floats, Surface, grain, step

_HOLE_RADIUS = 0.085
_CELL = 0.1  # side of the printed squares


@dataclass(frozen=True, eq=False)
class Design:
    """What all plates of a set have in common."""

    base: Floats  # colors, (3,)
    ink: Floats
    mat: Floats  # below the plate
    holes: Floats  # (4, 2): centers
    bars: Floats  # (n, 2): left edge and width of the bars of a code
    cells: NDArray[np.bool_]  # (5, 5): the printed squares of a mark
    dome: Floats  # (2,): curvatures
    ring: float  # radius of the raised ring
    raised: float  # its height


def draw_design(rng: np.random.Generator) -> Design:
    """Return a random design."""
    base = rng.uniform(0.45, 0.75, 3)
    width = rng.uniform(0.02, 0.07, 9)
    left = np.cumsum(width + rng.uniform(0.02, 0.06, 9)) - width
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * 0.68
    return Design(
        base=base,
        ink=base * rng.uniform(0.45, 0.7, 3),
        mat=rng.uniform(0.1, 0.2, 3),
        holes=corners + rng.uniform(-0.04, 0.04, (4, 2)),
        bars=np.stack([left - 0.42, width], 1),
        cells=rng.random((5, 5)) < 0.5,
        dome=rng.uniform(0.05, 0.15, 2),
        ring=float(rng.uniform(0.42, 0.5)),
        raised=float(rng.uniform(0.02, 0.03)),
    )


def intact_plate(design: Design, u: Floats, v: Floats, rng: np.random.Generator) -> Surface:
    """Return a plate without defect at plate coordinates u, v: (H, W).

    ``rng`` draws its grain and its small deviations from the design.
    """
    solid = u**4 + v**4 < 1
    for center in design.holes:
        solid &= np.hypot(u - center[0], v - center[1]) > _HOLE_RADIUS
    base = design.base * rng.uniform(0.98, 1.02, 3)
    albedo = base + ink_share(design, u, v)[..., None] * (design.ink - design.base)
    albedo = albedo + rng.uniform(0.01, 0.016) * grain(u.shape, rng)[..., None]
    mat = design.mat + 0.01 * grain(u.shape, rng)[..., None]
    bend = rng.normal(0, 0.008, 3)
    dome = 0.15 - design.dome[0] * u**2 - design.dome[1] * v**2
    height = dome + bend[0] * u**2 + bend[1] * u * v + bend[2] * v**2
    radius = np.hypot(u, v)
    inner = step(radius - design.ring, 0.05)
    outer = step(design.ring + 0.16 - radius, 0.05)
    height = height + design.raised * inner * outer
    return Surface(u, v, np.where(solid[..., None], albedo, mat), height, solid)


def ink_share(design: Design, u: Floats, v: Floats, soft: float = 0.012) -> Floats:
    """Return the share of ink at (u, v), 0 to 1.

    Printed are a code of bars at the top, a mark of squares in the middle, two lines at the bottom.
    """
    bars = np.zeros_like(u)
    for left, width in design.bars:
        bars = np.maximum(bars, step(u - left, soft) * step(left + width - u, soft))
    bars = bars * step(v + 0.86, soft) * step(-0.66 - v, soft)
    lines = np.zeros_like(u)
    for middle in (0.7, 0.8):
        line = step(0.025 - np.abs(v - middle), soft) * step(0.45 - np.abs(u), soft)
        lines = np.maximum(lines, line)
    column = np.floor(u / _CELL + 2.5).astype(int)
    row = np.floor(v / _CELL + 2.5).astype(int)
    is_inside = (column >= 0) & (column < 5) & (row >= 0) & (row < 5)
    mark = is_inside & design.cells[np.clip(row, 0, 4), np.clip(column, 0, 4)]
    return np.asarray(np.maximum(np.maximum(bars, lines), mark))
