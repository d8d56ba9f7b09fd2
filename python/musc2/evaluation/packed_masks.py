"""The masks of a category at a bit per pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class PackedMasks(Sequence[Mask]):
    """Masks of any shapes, each unpacked whenever it is looked at."""

    def __init__(self) -> None:
        # One buffer for all masks: an array for each would leave holes in the heap.
        self._bits = bytearray()
        self._starts: list[int] = []
        self._shapes: list[tuple[int, ...]] = []

    def append(self, mask: Mask) -> None:
        """Add a mask."""
        self._starts.append(len(self._bits))
        self._shapes.append(mask.shape)
        self._bits += np.packbits(mask).tobytes()

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, index: int) -> Mask:  # type: ignore[override]  # without slices
        shape = self._shapes[index]
        pixels = math.prod(shape)
        size = -(-pixels // 8)
        bits = np.frombuffer(self._bits, np.uint8, count=size, offset=self._starts[index])
        return np.unpackbits(bits, count=pixels).reshape(shape).astype(np.bool_)
