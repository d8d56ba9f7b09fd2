"""The surface of a generated part, seen from a pose, and the functions that draw on it.

Lengths are in half sides of a plate, heights as well. Nothing here depends on a camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Mask = NDArray[Any]


@dataclass(eq=False)
class Surface:
    """Arrays (H, W) over the pixels; albedo is (H, W, 3). Defects write into them.

    u, v: the coordinates on the part; solid: the pixels of the part, the others show the mat below.
    """

    u: Floats
    v: Floats
    albedo: Floats
    height: Floats
    solid: Mask


def grain(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return noise of mean 0 and deviation 1 without the finest detail."""
    noise = rng.normal(size=shape)
    frequency = np.hypot(*np.meshgrid(np.fft.rfftfreq(shape[1]), np.fft.fftfreq(shape[0])))
    lowpass = np.exp(-0.5 * (2 * np.pi * 1.2 * frequency) ** 2)
    smooth = np.fft.irfft2(np.fft.rfft2(noise) * lowpass, s=shape)
    return np.asarray(smooth / smooth.std())


def step(x: Floats, width: float) -> Floats:
    """Return 0 below -width / 2, 1 above width / 2, and a smooth rise between."""
    t = np.clip(x / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)
