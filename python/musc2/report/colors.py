"""The color scale of maps: dark below the threshold, then over red and orange to pale yellow.

Its lightness (OKLab) rises all the way, slowly below the threshold, so that it reads the same in
gray, in print and with any kind of color vision.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Level, lightness, chroma and hue in degrees; level 0.5 is the threshold.
_STOPS = np.array(
    [
        (0.00, 0.14, 0.030, 285.0),
        (0.42, 0.26, 0.090, 295.0),
        (0.50, 0.44, 0.180, 345.0),
        (0.65, 0.66, 0.190, 395.0),
        (0.80, 0.81, 0.160, 430.0),
        (1.00, 0.97, 0.120, 465.0),
    ]
)
# OKLab to the cube roots of cone responses, and these to linear sRGB (B. Ottosson, 2020).
_TO_CONES = np.array(
    [
        (1, 0.3963377774, 0.2158037573),
        (1, -0.1055613458, -0.0638541728),
        (1, -0.0894841775, -1.291485548),
    ]
)
_TO_RGB = np.array(
    [
        (4.0767416621, -3.3077115913, 0.2309699292),
        (-1.2684380046, 2.6097574011, -0.3413193965),
        (-0.0041960863, -0.7034186147, 1.707614701),
    ]
)
_CHROMA_STEPS = 64


@functools.cache
def table() -> NDArray[np.uint8]:
    """Return the colors of 256 levels, (256, 3); v / (v + threshold) is the level of a value v."""
    levels = np.linspace(0, 1, 256)
    lightness, chroma, hue = (
        np.interp(levels, _STOPS[:, 0], _STOPS[:, column]) for column in (1, 2, 3)
    )
    colors = np.zeros((256, 3))
    is_open = np.ones(256, bool)
    for fraction in np.linspace(1, 0, _CHROMA_STEPS):  # less chroma where sRGB has no such color
        linear = _linear_rgb(lightness, fraction * chroma, np.radians(hue))
        fits = is_open & (linear >= 0).all(1) & (linear <= 1).all(1)
        colors[fits] = linear[fits]
        is_open &= ~fits
    return np.rint(_gamma(colors) * 255).astype(np.uint8)


def levels(values: Floats | NDArray[np.float32], threshold: float) -> NDArray[np.uint8]:
    """Return v / (v + threshold) of values, as 8 bits; negative values count as 0."""
    positive = np.maximum(values, 0)
    scaled: NDArray[np.uint8] = np.rint(255 * positive / (positive + threshold)).astype(np.uint8)
    return scaled


def _linear_rgb(lightness: Floats, chroma: Floats, hue: Floats) -> Floats:
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)
    linear: Floats = (lab @ _TO_CONES.T) ** 3 @ _TO_RGB.T
    return linear


def _gamma(linear: Floats) -> Floats:
    """Return sRGB values of linear ones."""
    low, high = 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high)
