"""By how many pixels images are out of place, so that tiles are cut from the same places."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from musc2._tiles.layout import Box, layout, shared_pixels
from musc2.inputs import Picture


class Regions(Protocol):
    """An image of which boxes can be looked at."""

    @property
    def size(self) -> tuple[int, int]:
        """The (H, W) of the image."""
        ...

    def crop(self, box: Box) -> Picture:
        """Return the top, left, bottom and right of a box as an image."""
        ...


SIDE = 512
"""Of the windows by which images are compared, in pixels; up to WINDOWS along each side."""
WINDOWS = 3
CLEAR = 8.0
"""How much higher a peak must be than what images give that have nothing in common."""


@dataclass(kw_only=True, eq=False)
class Alignment:
    """Where the first of some images lies in each of the others, and what all of them show.

    Images of several tiles are compared, within half of what neighboring tiles share. size: of the
    first; boxes and spectra: its windows; start and end: what all images show of it, of which later
    ones change nothing when it is_fixed.
    """

    tile: int
    overlap: int | None
    size: tuple[int, int] = (0, 0)
    boxes: list[Box] = field(default_factory=list)
    spectra: list[NDArray[np.complex64]] = field(default_factory=list)
    start: tuple[int, int] = (0, 0)
    end: tuple[int, int] = (0, 0)
    is_fixed: bool = False

    def add(self, picture: Regions) -> tuple[int, int] | None:
        """Return the (row, column) of the first image's corner in this one.

        None for an image of one tile, and one that has not as many tiles as the first.
        """
        size = picture.size
        shape = self._shape(size)
        if not self.boxes and shape != (1, 1) and not self.is_fixed:
            self.size = self.end = size
            self.boxes = _windows(size)
            self.spectra = [_spectrum(picture, box) for box in self.boxes]
            return (0, 0)
        if not self.boxes or shape != self._shape(self.size):
            return None
        row, column = self._origin(picture, size)
        if self.is_fixed:
            return row, column
        self.start = (max(self.start[0], -row), max(self.start[1], -column))
        self.end = (min(self.end[0], size[0] - row), min(self.end[1], size[1] - column))
        return row, column

    def inside(self, origin: tuple[int, int]) -> Box:
        """Return what all images show in the one where the first's corner is at ``origin``."""
        row, column = origin
        return self.start[0] + row, self.start[1] + column, self.end[0] + row, self.end[1] + column

    def _origin(self, picture: Regions, size: tuple[int, int]) -> tuple[int, int]:
        if any(bottom > size[0] or right > size[1] for _, _, bottom, right in self.boxes):
            return (0, 0)
        spectra = [_spectrum(picture, box) for box in self.boxes]
        most = shared_pixels(self.tile, self.overlap) // 2
        # Along a short side the windows are as narrow as the image.
        reach = (min(most, self.size[0] // 8), min(most, self.size[1] // 8))
        return displacement(self.spectra, spectra, _sides(self.boxes[0]), reach)

    def _shape(self, size: tuple[int, int]) -> tuple[int, int]:
        return layout(size, self.tile, self.overlap).shape


def displacement(
    first: Iterable[NDArray[np.complex64]],
    second: Iterable[NDArray[np.complex64]],
    shape: tuple[int, int],
    reach: tuple[int, int],
) -> tuple[int, int]:
    """Return by how many (rows, columns) the second image lies further than the first.

    By phase correlation of windows of ``shape``, at most ``reach``; (0, 0) without a clear peak.
    """
    total: NDArray[np.complex64] | None = None
    count = 0
    for own, other in zip(first, second, strict=True):
        cross = np.conj(own) * other
        cross /= np.abs(cross) + np.float32(1e-12)
        total = cross if total is None else total + cross
        count += 1
    if total is None:
        return (0, 0)
    peaks = np.fft.irfft2(total / count, s=shape)
    rows, columns = (np.arange(-most, most + 1) for most in reach)
    near = peaks[np.ix_(rows % shape[0], columns % shape[1])]
    row, column = divmod(int(near.argmax()), len(columns))
    if near[row, column] < CLEAR / np.sqrt(count * shape[0] * shape[1]):
        return (0, 0)
    return int(rows[row]), int(columns[column])


def _windows(size: tuple[int, int]) -> list[Box]:
    """Return evenly spread windows of one size."""
    axes: list[list[tuple[int, int]]] = []
    for length in size:
        side = min(SIDE, length)
        count = min(WINDOWS, length // side)
        firsts = np.linspace(0, length - side, 2 * count + 1)[1::2].astype(int).tolist()
        axes.append([(first, first + side) for first in firsts])
    boxes: list[Box] = []
    for (top, bottom), (left, right) in itertools.product(*axes):
        boxes.append((top, left, bottom, right))
    return boxes


def _spectrum(picture: Regions, box: Box) -> NDArray[np.complex64]:
    """Return the frequencies of a window, whose values fade out towards its edges."""
    values = np.asarray(picture.crop(box)).astype(np.float32)
    gray = values.mean(2) if values.ndim == 3 else values
    rows, columns = _sides(box)
    fading = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1])
    return np.fft.rfft2((gray - gray.mean()) * fading).astype(np.complex64)


def _sides(box: Box) -> tuple[int, int]:
    top, left, bottom, right = box
    return bottom - top, right - left
